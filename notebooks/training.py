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
# # Is it the training?
#
# Two doubts about the gain. The paper trains many times as long as the reduced scale does: if the
# effect grew towards the paper's as training converges, longer trainings would show it. And STAR
# loss divides errors by the deviations of the heatmap, which are well below one, so its gradient is
# larger than that of the plain loss: Adam ignores a constant factor, but not how the gradient
# changes with the error and over a training. With l2 it vanishes with the error, and that could be
# the whole effect. So l2 without STAR is trained with other learning rates, and with other factors
# of the loss, which should change nothing.

# %%
from companion.exhibits.run_tables import run_table
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
# ## The length of the training
#
# NME in %, mean ± standard deviation over seeds, and effects in points of NME with their 95 %
# interval ([](../reproduce.md#how-to-read-the-tables)).

# %%
page.effect_table

# %%
page.curves({d: page.arms_with(distance=d) for d in ("smooth_l1", "l2")})

# %% [markdown]
# ## The size of the steps

# %%
steps = experiment_page(
    "step_size", dataset, scale, seeds, device, train, workers, results, data_root
)
steps.finding

# %%
steps.effect_table

# %%
steps.forest()

# %% [markdown]
# ## Norm of the gradient
#
# Mean norm of the network's gradient by epoch. Older records do not hold it.

# %%
steps.curves(curve="gradient")

# %% [markdown]
# ## Every run

# %%
page.sources

# %%
run_table([*page.runs, *steps.runs])

# %% [markdown]
# ## What this does not show
#
# [Small networks and short trainings](../limitations.md) are common to all experiments.
