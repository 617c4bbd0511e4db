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
# # What else lowers the error?
#
# **The paper's claim** (Table 3). STAR loss lowers the error on 300-W by 0.05 to 0.40 points of
# NME.
#
# **What is compared here.** The effect of STAR stands beside those of what else can be done with
# the same network: the restriction of the heatmaps alone, other losses, distribution regularisation
# (DR), the anisotropic attention module (AAM), and averaging with the mirror image when predicting.
# All are compared with the same baseline, smooth-l1 without STAR.

# %%
from companion.exhibits.run_tables import flip_average_table
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
    "alternatives", dataset, scale, seeds, device, train, workers, results, data_root
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
# ## Averaging with the mirror image
#
# The prediction on a crop, averaged with the mirrored prediction on its mirror image. No network is
# trained for it; predicting takes twice as long. The networks are those whose weights were at hand,
# arms as in the table of runs.

# %%
flip_average_table(page.records.folder)

# %% [markdown]
# ## Every run

# %%
page.run_table

# %% [markdown]
# ## What this does not show
#
# [Small networks and short trainings](../limitations.md) are common to all experiments.
