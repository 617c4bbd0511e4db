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
# # The weight of the restriction with DR and with AAM
#
# **The paper's claims** (Tables 3 and 4). STAR loss lowers the error with distribution
# regularisation (DR) and with the anisotropic attention module (AAM) too; and the weight $w$ of the
# value restriction hardly matters. The paper has no other weight with DR or AAM.
#
# **What is asked here.** In our runs with $w = 1$ STAR gains with AAM and loses with DR
# ([Table 3](ablation_distance.ipynb)). DR asks every heatmap for the same narrow Gaussian; the
# value restriction asks for variances of $\lambda^* = (d / w)^{2/3}$, which at $w = 1$ are larger
# and at the end prevail. If that competition is why the gain is lost, STAR gains with DR at a
# larger $w$, which asks for about DR's width. This was written before the runs with other weights.
# AAM asks for no width; there, the same weights show whether narrower heatmaps add to what it
# gains.

# %%
from IPython.display import Markdown

from companion.evidence.effects import comparison_effects
from companion.exhibits import experiment_tables, figures, run_tables, tables
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
experiment, seeds = EXPERIMENTS["weight_and_tricks"], seeds or None
configs = experiment.configs(dataset, scale, seeds)
runs = read_or_train(configs, train, device, workers, results, data_root)
by_arm = arm_runs(experiment, dataset, scale, seeds, results=results)
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
# ## Width of the heatmaps
#
# Mean standard deviation of the averaged network's heatmaps on a few training faces after the last
# epoch, in units of the input's [-1, 1], without STAR and with it.

# %%
experiment_tables.width_table(by_arm, experiment.comparisons)

# %% [markdown]
# The same after every epoch.

# %%
groups = {trick: [arm for arm in experiment.arms if trick in arm] for trick in ("DR", "AAM")}
figures.curves(by_arm, groups, "width")

# %% [markdown]
# ## How the trainings went
#
# Mean point error on the augmented training batches: each seed thin, their mean in bold. The
# vertical axis is logarithmic.

# %%
figures.curves(by_arm, groups)

# %% [markdown]
# ## Every run

# %%
run_tables.run_table(runs)

# %% [markdown]
# ## What this does not show
#
# The networks are small (one stack, small pictures) and trained for few epochs on part of the
# training set, so what is compared with the paper is effects, not absolute errors. Two weights with
# one distance do not tell which is best.
