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
# # How much networks trained alike differ
#
# **The paper's claim** (Figs. 1 and 6). Five models trained alike predict different points, most
# of all at the contour. With STAR loss and the l2 distance the mean variance of their predictions
# falls from 0.79 to 0.69.
#
# **What is done here.** The spread of each landmark's predictions around their mean over all
# seeds is computed from the committed records, in % of the inter-ocular distance.

# %%
from IPython.display import Markdown

from starlib.experiments.arms import EXPERIMENTS
from starlib.experiments.records import missing
from starlib.experiments.runs import read_or_train
from starlib.experiments.selection import arm_runs
from starlib.report import claims, figures, paper_figures, tables, views
from starlib.report.effects import comparison_effects

# %% tags=["parameters"]
dataset = "300w"
scale = "reduced"  # smoke, reduced or full
seeds = []  # empty: those of the experiment
device = "cpu"
train = False  # train what the records lack; otherwise they are only read
workers = 2  # runs side by side, when training
results = ""  # folder of the run records; empty: the committed ones
data_root = ""  # folder of the data sets; empty: $STARLIB_DATA

# %%
experiment, seeds = EXPERIMENTS["stability"], seeds or None
configs = experiment.configs(dataset, scale, seeds)
runs = read_or_train(configs, train, device, workers, results, data_root)
by_arm = arm_runs(experiment, dataset, scale, seeds, results=results)
verdicts = claims.judge_all(results, dataset, scale, experiment.name)
Markdown(views.finding(verdicts))

# %% [markdown]
# ## The runs

# %%
Markdown(tables.sources(runs, missing(configs, results)))

# %% [markdown]
# ## Errors and effects
#
# NME in %, mean ± standard deviation over seeds; effects in points of NME with their 95 %
# interval (Welch, over the seeds), the p-value after Holm's correction, and beside them the
# bootstrap over seeds and test faces. "paper's effect" says whether our interval contains it,
# "power" how likely these seeds would show it.

# %%
tables.effect_table(experiment, dataset, None, scale, seeds, results)

# %%
figures.forest(comparison_effects(experiment, dataset, None, scale, seeds, results))

# %% [markdown]
# ## Spread of the predictions
#
# Standard deviation of the seeds' predictions around their mean, over landmarks and test faces,
# with its mean as a line (the paper's Fig. 6).

# %%
pairs = {name: experiment.comparisons[name] for name in ("smooth_l1", "l2")}
paper_figures.spread_distribution(by_arm, pairs)

# %% [markdown]
# ## By region of the face

# %%
views.region_table(by_arm, experiment.comparisons)

# %% [markdown]
# ## Every run

# %%
tables.run_table(runs)

# %% [markdown]
# ## What this does not show
#
# The networks are small (one stack, small pictures), trained for few epochs on part of the training
# set, so absolute errors stand beside the paper's and are not subtracted from them; effects are
# compared. The paper's unit of the variance is not said, so relative changes are compared.
