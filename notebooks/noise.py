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
# # When does STAR help? Known annotation noise
#
# The paper says that STAR loss reduces the impact of ambiguous annotations. On rendered faces the
# noise can be set: to none, to other strengths, and to noise of the same size without a direction,
# where no direction is more ambiguous than another. If STAR works by what the paper says, its
# effect should grow with the strength and be small in the last. An interval that excludes zero
# beside one that contains it is no difference yet: compare the intervals with each other.

# %%
from IPython.display import Markdown

from companion.exhibits import experiment_tables, figures
from companion.exhibits.run_tables import run_table
from companion.page import experiment_page
from companion.text.findings import TRUTH, effect_finding

# %% tags=["parameters"]
dataset = "synthface"
scale = "reduced"  # smoke, reduced, long or full
seeds = []  # one or several; empty: those of the experiment
device = "auto"  # a GPU where there is one, else the CPU
train = False  # train what the records lack; otherwise they are only read
workers = 2  # runs side by side, when training
results = ""  # folder of the run records; empty: the committed ones
data_root = ""  # folder of the data sets; empty: $STARLIB_DATA

# %%
page = experiment_page("noise", dataset, scale, seeds, device, train, workers, results, data_root)
by_noise = experiment_tables.noise_effects(page.records, scale, page.seeds)
truth = {f"{noise}, {d}": e for noise, effects in by_noise.items() for d, e in effects.items()}
Markdown(effect_finding(truth, TRUTH))

# %% [markdown]
# ## The runs
#
# Those at the noise of the other experiments; the tables below have the seeds at every strength.

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
# ## Effects against the truth at each strength

# %%
experiment_tables.noise_table(by_noise)

# %%
figures.forest({name: effect for name, effect in truth.items() if effect.run})

# %% [markdown]
# ## Every run

# %%
every = [page.experiment.configs(name, scale, page.seeds) for name in page.experiment.datasets]
run_table(page.records.of(config for configs in every for config in configs))

# %% [markdown]
# ## What this does not show
#
# The paper has no such experiment, so nothing here is compared with it. The networks are small (one
# stack, small pictures) and trained for few epochs, and rendered faces are no photographs.
