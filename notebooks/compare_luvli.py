# %% [markdown]
# # Other losses: ADL, likelihoods and controls
#
# **The paper's claims** (Table 6, Section 5.4). STAR loss, which takes direction and strength from
# the heatmap, beats ADNet's anisotropic direction loss (ADL), which takes the normal of the facial
# boundary; and it beats the Mahalanobis distance with the heatmap's covariance, on WFLW.

# %%
from companion.exhibits.run_tables import run_table
from companion.exhibits.tables import arm_table
from companion.page import experiment_page

# %% tags=["parameters"]
dataset = "300w"
scale = "reduced"  # smoke, reduced, long or full
seeds = []  # one or several; empty: those of the experiment
device = "auto"  # a GPU where there is one, else the CPU
train = False  # train what the records lack, on data below $STARLIB_DATA; else they are only read
results = ""  # folder of the run records; empty: the committed ones

# %%
page = experiment_page("compare_luvli", dataset, scale, seeds, device, train, results)
page.finding

# %% [markdown]
# ## Errors and effects
#
# Positive: STAR is better ([definitions](../reproduce.md#how-to-read-the-tables)). Three controls
# take STAR loss apart, here with smooth-l1, where it gains nothing; those with l2 are on [Why it
# helps](mechanism.ipynb#star-loss-without-a-part-of-it):
#
# - *isotropic control*, both errors over the same $\sqrt{(\lambda_1 + \lambda_2)/2}$: the scale
#   without the direction;
# - *random directions*, $\lambda_1$ and $\lambda_2$ along a random direction and across it;
# - *scale inside d*, $d(v_k^T e/\sqrt{\lambda_k})$, as an earlier form of the released code may
#   have had it.
#
# A fourth, the restriction without STAR, is on [](restriction.ipynb).

# %%
page.forest()

# %%
page.effect_table

# %% tags=["folded"]
page.subset_table

# %% [markdown]
# ## What the paper's comparison leaves out
#
# LUVLi predicts a covariance $\Sigma$ and maximises a Gaussian or Laplacian likelihood,
#
# $$\mathcal{L}_{G} = \tfrac{1}{2} \log|\Sigma| + \tfrac{1}{2} e^T \Sigma^{-1} e .$$
#
# With the heatmap's covariance in its place the second term is STAR with $d = e^2$ and $\lambda$
# for $\sqrt\lambda$,
#
# $$e^T \Sigma^{-1} e = \frac{(v_1^T e)^2}{\lambda_1} + \frac{(v_2^T e)^2}{\lambda_2} ,$$
#
# and the paper compares with this Mahalanobis term alone. The term $\log|\Sigma|$ keeps the
# covariance from growing: a restriction without a weight to choose. Along one axis its optimum is
# $\lambda = (v^T e)^2$, a calibrated width, where
# [STAR's](../method.md#why-a-restriction-is-needed) is not. So the full likelihoods stand above,
# with the heatmap's covariance and with a predicted one, beside residual log-likelihood estimation
# and heatmap regression with adaptive Wing (AWing).

# %% [markdown]
# ## Anisotropic direction loss
#
# ADL takes the normal at a contour point from its neighbours' labels and weighs the error along it
# more: by the ratio of the heatmap's variances along and across the boundary, as ADNet's released
# code does, or by a constant, as the STAR paper describes it. The paper replaces ADL by STAR within
# ADNet, with AAM; its two errors on all faces are also [those of
# Table 3](../disagreements.md#the-paper-with-itself) for smooth-l1 with AAM.

# %%
adl = experiment_page("compare_adl", dataset, scale, seeds, device, train, results)
adl.finding

# %%
adl.forest()

# %%
adl.effect_table

# %% tags=["folded"]
adl.subset_table

# %% [markdown]
# ## Every arm

# %% tags=["folded"]
arm_table(page.by_arm)

# %% [markdown]
# ## Every run

# %%
page.sources

# %%
run_table([*page.runs, *adl.runs])
