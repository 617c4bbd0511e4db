# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Other losses: ADL, likelihoods and controls
#
# **The paper's claims** (Table 6, Section 5.4). STAR loss, which takes direction and strength from
# the heatmap, beats ADNet's anisotropic direction loss (ADL), which takes the normal of the facial
# boundary; and it beats the Mahalanobis distance with the heatmap's covariance, on WFLW.
#
# **LUVLi**, the covariance as a prediction. LUVLi predicts a covariance and maximises a Gaussian or
# Laplacian likelihood,
#
# $$\mathcal{L}_{G} = \tfrac{1}{2} \log|\Sigma| + \tfrac{1}{2} e^T \Sigma^{-1} e .$$
#
# Set $\Sigma$ to the heatmap's covariance and
#
# $$e^T \Sigma^{-1} e = \frac{(v_1^T e)^2}{\lambda_1} + \frac{(v_2^T e)^2}{\lambda_2} ,$$
#
# which is STAR with $d = e^2$ and $\lambda$ in place of $\sqrt\lambda$. The paper compares with
# this Mahalanobis term alone. The term $\log|\Sigma|$, which it leaves out, keeps the covariance
# from growing: it is the restriction that follows from the likelihood, without a weight to choose.
# Its optimum along one axis is $\lambda = (v^T e)^2$, a calibrated width, where
# [STAR's](../method.md#why-a-restriction-is-needed) is not. So the full likelihoods are the
# comparison that Section 5.4 should have made. They and the controls below are among the [losses
# that can be trained here](../others.md).
#
# **What is done here.** Beside the Mahalanobis distance stand the full likelihoods (Gaussian and
# Laplace, with the heatmap's covariance and with a predicted one), residual log-likelihood
# estimation, heatmap regression with adaptive Wing, and three controls that take STAR loss apart:
#
# - both errors over the same $\sqrt{(\lambda_1 + \lambda_2)/2}$: the scale without the direction;
# - $\lambda_1$ and $\lambda_2$ along a random direction and across it: the direction spoilt;
# - $d(v_k^T e/\sqrt{\lambda_k})$: the scale inside the distance, as an earlier form of the released
#   code may have had it.
#
# A fourth, the restriction without STAR, is on [](restriction.ipynb).

# %%
from companion.exhibits.run_tables import run_table
from companion.exhibits.tables import arm_table
from companion.page import experiment_page

# %% tags=["parameters"]
dataset = "300w"
scale = "reduced"  # smoke, reduced, long or full
seeds = []  # one or several; empty: those of the experiment
device = "auto"  # a GPU where there is one, else the CPU
train = False  # train what the records lack; otherwise they are only read
workers = 2  # runs side by side, when training
results = ""  # folder of the run records; empty: the committed ones
data_root = ""  # folder of the data sets; empty: $STARLIB_DATA

# %%
page = experiment_page(
    "compare_luvli", dataset, scale, seeds, device, train, workers, results, data_root
)
page.finding

# %% [markdown]
# ## The runs

# %%
page.sources

# %% [markdown]
# ## Errors and effects
#
# Definitions are on [](../reproduce.md#how-to-read-the-tables).

# %%
page.effect_table

# %%
page.subset_table

# %%
page.forest()

# %% [markdown]
# ## Anisotropic direction loss
#
# ADL knows the direction from the labels: the normal at a contour point is that of the polygon
# through its neighbours, and the error along it is weighted more. Two forms of it: with the ratio
# of the heatmap's variances along and across the boundary, as ADNet's released code has it, and
# with a constant set by hand, as the STAR paper describes it. The paper's comparison replaces ADL
# by STAR within ADNet, with AAM, in six subsets of WFLW. Its row "ADL" has
# [the numbers of another experiment](../disagreements.md#the-paper-with-itself).

# %%
adl = experiment_page(
    "compare_adl", dataset, scale, seeds, device, train, workers, results, data_root
)
adl.finding

# %%
adl.effect_table

# %%
adl.subset_table

# %%
adl.forest()

# %% [markdown]
# ## Every arm

# %%
arm_table(page.by_arm)

# %% [markdown]
# ## Every run

# %%
run_table([*page.runs, *adl.runs])

# %% [markdown]
# ## What this does not show
#
# [Small networks and short trainings](../limitations.md) are common to all experiments.
