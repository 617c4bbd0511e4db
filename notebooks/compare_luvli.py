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
# # Likelihoods, other losses and controls
#
# **The paper's claim** (Section 5.4). STAR loss beats the Mahalanobis distance with the heatmap's
# covariance by 0.15 points on WFLW.
#
# **What is done here.** Beside the Mahalanobis distance stand the full likelihoods that the
# paper leaves out (Gaussian and Laplace, with the heatmap's covariance and with a predicted one),
# residual log-likelihood estimation, heatmap regression with adaptive Wing, and three controls:
# both errors divided by the same deviation, random directions, and the scale inside the distance.

# %%
from IPython.display import Markdown

from companion.evidence import claims
from companion.evidence.effects import comparison_effects
from companion.exhibits import figures, run_tables, tables
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.select import arm_runs
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
experiment, seeds = EXPERIMENTS["compare_luvli"], seeds or None
configs = experiment.configs(dataset, scale, seeds)
runs = read_or_train(configs, train, device, workers, results, data_root)
by_arm = arm_runs(experiment, dataset, scale, seeds, results=results)
verdicts = claims.judge_all(results, dataset, scale, experiment.name)
effects = comparison_effects(experiment, dataset, None, scale, seeds, results)
Markdown(findings.finding(verdicts, effects))

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
# ## Every arm

# %%
tables.arm_table(by_arm)

# %% [markdown]
# ## Every run

# %%
run_tables.run_table(runs)

# %% [markdown]
# ## What this does not show
#
# The networks are small (one stack, small pictures) and trained for few epochs on part of the
# training set, so what is compared with the paper is effects, not absolute errors.
