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

from companion.evidence.effects import comparison_effects
from companion.exhibits import experiment_tables, figures, run_tables, tables
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.train_all import read_or_train
from companion.text import findings
from starlib.runs.finished import missing, read

# %% tags=["parameters"]
dataset = "synthface"
scale = "reduced"  # smoke, reduced or full
seeds = []  # empty: those of the experiment
device = "auto"  # a GPU where there is one, else the CPU
train = False  # train what the records lack; otherwise they are only read
workers = 2  # runs side by side, when training
results = ""  # folder of the run records; empty: the committed ones
data_root = ""  # folder of the data sets; empty: $STARLIB_DATA

# %%
experiment, seeds = EXPERIMENTS["noise"], seeds or None
configs = experiment.configs(dataset, scale, seeds)
runs = read_or_train(configs, train, device, workers, results, data_root)
effects = comparison_effects(experiment, dataset, None, scale, seeds, results)
by_noise = experiment_tables.noise_effects(scale, seeds, results)
truth = {f"{noise}, {d}": e for noise, found in by_noise.items() for d, e in found.items()}
Markdown(findings.effect_finding(truth, findings.TRUTH))

# %% [markdown]
# ## The runs
#
# Those at the noise of the other experiments; the tables below have the seeds at every strength.

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
# ## Effects against the truth at each strength

# %%
experiment_tables.noise_table(by_noise)

# %%
figures.forest({name: effect for name, effect in truth.items() if effect.run})

# %% [markdown]
# ## Every run

# %%
every = [c for name in experiment.datasets for c in experiment.configs(name, scale, seeds)]
run_tables.run_table(read(every, results))

# %% [markdown]
# ## What this does not show
#
# The paper has no such experiment, so nothing here is compared with it. The networks are small (one
# stack, small pictures) and trained for few epochs, and rendered faces are no photographs.
