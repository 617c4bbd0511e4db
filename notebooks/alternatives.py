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
from IPython.display import Markdown

from companion.evidence.effects import comparison_effects
from companion.exhibits import figures, run_tables, tables
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.train_all import read_or_train
from companion.text import findings
from starlib.runs.finished import missing

# %% tags=["parameters"]
dataset = "300w"
scale = "reduced"  # smoke, reduced or full
seeds = []  # empty: those of the experiment
device = "auto"  # a GPU where there is one, else the CPU
train = False  # train what the records lack; otherwise they are only read
workers = 2  # runs side by side, when training
results = ""  # folder of the run records; empty: the committed ones
data_root = ""  # folder of the data sets; empty: $STARLIB_DATA

# %%
experiment, seeds = EXPERIMENTS["alternatives"], seeds or None
configs = experiment.configs(dataset, scale, seeds)
runs = read_or_train(configs, train, device, workers, results, data_root)
effects = comparison_effects(experiment, dataset, None, scale, seeds, results)
Markdown(findings.effect_finding(effects))

# %% [markdown]
# ## The runs

# %%
Markdown(run_tables.sources(runs, missing(configs, results)))

# %% [markdown]
# ## Errors and effects
#
# NME in %, mean ± standard deviation over seeds; effects in points of NME with their 95 % interval
# (Welch, over the seeds), the p-value after Holm's correction over this table (a verdict is
# corrected over the claims of its family, so its p differs), and the bootstrap over seeds and test
# faces. "A over B" is the error of B minus that of A: positive where A is better. Where the paper
# prints an effect, "paper's effect" says whether our interval contains it, and "power" how likely
# these seeds would show it without correction.

# %%
tables.effect_table(experiment, dataset, None, scale, seeds, results)

# %%
figures.forest(effects)

# %% [markdown]
# ## Averaging with the mirror image
#
# The prediction on a crop, averaged with the mirrored prediction on its mirror image. No network is
# trained for it; predicting takes twice as long. The networks are those whose weights were at hand,
# arms as in the table of runs.

# %%
run_tables.flip_average_table(results or None)

# %% [markdown]
# ## Every run

# %%
run_tables.run_table(runs)

# %% [markdown]
# ## What this does not show
#
# The networks are small (one stack, small pictures) and trained for few epochs on part of the
# training set, so what is compared with the paper is effects, not absolute errors.
