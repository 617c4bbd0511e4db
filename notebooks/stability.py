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

from companion.evidence import breakdown, claims
from companion.exhibits import experiment_tables, face_figures, figures, paper_figures, run_tables
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
experiment, seeds = EXPERIMENTS["stability"], seeds or None
configs = experiment.configs(dataset, scale, seeds)
runs = read_or_train(configs, train, device, workers, results, data_root)
by_arm = arm_runs(experiment, dataset, scale, seeds, results=results)
verdicts = claims.judge_all(results, dataset, scale, experiment.name)
Markdown(findings.finding(verdicts))

# %% [markdown]
# ## The runs

# %%
Markdown(run_tables.sources(runs, missing(configs, results)))

# %% [markdown]
# ## Effect on the spread
#
# Spread without STAR minus spread with it, in % of the inter-ocular distance, with the 95 %
# interval of the jackknife over seeds. To the right of zero the predictions vary less with STAR.

# %%
effects = {
    name: breakdown.stability_effects(by_arm, pair)["all"]
    for name, pair in experiment.comparisons.items()
}
axis = "spread without minus spread with, in % (right: STAR is steadier)"
figures.forest(effects, axis=axis, unit="% of the normalising distance")

# %% [markdown]
# ## Predictions on a face
#
# The paper's Fig. 1 shows predictions of networks that differ in their seed alone on a photograph.
# Here they stand on a rendered test face, without STAR above and with it below, and the exact
# landmarks as white crosses. One face is an anecdote; the numbers are above and below.

# %%
rendered = arm_runs(experiment, "synthface", scale, seeds, results=results)
face_figures.scatter(rendered, experiment.comparisons["l2"])

# %% [markdown]
# ## Spread of the predictions
#
# Standard deviation of the seeds' predictions around their mean, over landmarks and test faces (the
# paper's Fig. 6). A line is the plain mean of what is drawn. It lies below the mean in the table
# that follows: the deviation of a few seeds comes out too small on average, and there the jackknife
# corrects it.

# %%
pairs = {name: experiment.comparisons[name] for name in ("smooth_l1", "l2")}
paper_figures.spread_distribution(by_arm, pairs)

# %% [markdown]
# ## By region of the face
#
# The mean spread over the landmarks of each region, in % of the inter-ocular distance, corrected by
# the jackknife. The paper's unit is not said, so where the finding names the paper's effect it is
# the paper's relative change of our spread without STAR, read as one of the standard deviation
# and, since the paper writes "variance", as one of the variance too. The finding on the contour is
# its effect minus that of the eyes.

# %%
experiment_tables.region_table(by_arm, experiment.comparisons)

# %% [markdown]
# ## Every run

# %%
run_tables.run_table(runs)

# %% [markdown]
# ## What this does not show
#
# The networks are small (one stack, small pictures) and trained for few epochs on part of the
# training set, so what is compared with the paper is effects, not absolute errors. The paper's unit
# is not said, nor whether it takes the root of the variance, so relative changes are compared.
