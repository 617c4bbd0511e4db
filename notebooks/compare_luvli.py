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
# **What is done here.** Beside the Mahalanobis distance stand the full likelihoods that the
# paper leaves out (Gaussian and Laplace, with the heatmap's covariance and with a predicted one),
# residual log-likelihood estimation, heatmap regression with adaptive Wing, and three controls:
# both errors divided by the same deviation, random directions, and the scale inside the distance.

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
# NME in %, mean ± standard deviation over seeds, and effects in points of NME with their 95 %
# interval ([](../reproduce.md#how-to-read-the-tables)).

# %%
page.effect_table

# %%
page.subset_table

# %%
page.forest()

# %% [markdown]
# ## Anisotropic direction loss
#
# ADL in two forms: with the ratio of the heatmap's variances along and across the boundary, as
# ADNet's released code has it, and with a constant set by hand, as the STAR paper describes it.
# The paper's comparison is with AAM, in six subsets of WFLW.

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
