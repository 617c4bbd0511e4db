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
# # Does the length of the training decide it?
#
# The paper trains many times as long as the reduced scale does. If STAR's effect grew towards
# the paper's as training converges, longer trainings would show it.

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
    "training_length", dataset, scale, seeds, device, train, workers, results, data_root
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
page.curves({d: [arm for arm in page.by_arm if arm.endswith(d)] for d in ("smooth_l1", "l2")})

# %% [markdown]
# ## Every run

# %%
page.run_table

# %% [markdown]
# ## What this does not show
#
# [Small networks and short trainings](../limitations.md) are common to all experiments.
