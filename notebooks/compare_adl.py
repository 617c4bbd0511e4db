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
# # Anisotropic direction loss
#
# **The paper's claim** (Table 6). STAR loss, which takes direction and strength from the heatmap,
# beats ADNet's anisotropic direction loss (ADL), which takes the normal of the facial boundary.
#
# **What is planned here.** ADL in two forms: with the ratio of the heatmap's variances along and
# across the boundary, as ADNet's released code has it, and with a constant set by hand, as the
# STAR paper describes it. The table says which of them were run.

# %%
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
    "compare_adl", dataset, scale, seeds, device, train, workers, results, data_root
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
page.forest()

# %% [markdown]
# ## How the trainings went

# %%
page.curves()

# %% [markdown]
# ## Every run

# %%
page.run_table

# %% [markdown]
# ## What this does not show
#
# [Small networks and short trainings](../limitations.md) are common to all experiments.
# The paper's comparison is on WFLW with AAM, in six subsets by attribute; the test faces here have
# no attributes.
