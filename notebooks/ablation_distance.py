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
# # STAR loss with each distance
#
# **The paper's claim** (Table 3, block "basic"). Whatever distance $d$ a model is trained with,
# STAR loss (Eq. 6) gives a lower normalised mean error than the plain regression loss (Eq. 2), and
# the gain is largest with the l2 distance.
#
# **What is done here.** The same network is trained without and with STAR loss, from the same
# initial weights and on the same batches for each seed. What is compared with the paper is the
# *effect*: the error without STAR minus the error with it, paired over test faces and seeds. The
# absolute errors stand beside each other, but the paper's come from another training set size,
# resolution and test set.

# %%
from IPython.display import Markdown

from starlib.experiments.arms import ablation_distance
from starlib.experiments.records import missing
from starlib.experiments.runs import read_or_train
from starlib.report import claims, figures, tables

# %% tags=["parameters"]
dataset = "300w"  # 300w or synthface
scale = "reduced"  # smoke, reduced or full
seeds = [0, 1, 2, 3, 4]
distances = ["l1", "smooth_l1", "l2", "wing"]
device = "cpu"
train = False  # train what the records lack; otherwise they are only read
workers = 2  # runs side by side, when training
results = ""  # folder of the run records; empty: the repository's results/
data_root = ""  # folder of the data sets; empty: $STARLIB_DATA

# %%
configs = ablation_distance(dataset, scale, seeds, distances)
runs = read_or_train(configs, train, device, workers, results, data_root)
Markdown(tables.sources(runs, missing(configs, results)))

# %% [markdown]
# ## Errors and effects
#
# NME in %, mean ± standard deviation over seeds; effects in points of NME with their 95 % interval
# (paired bootstrap over seeds and test faces), and beside it the Student interval over the seeds
# alone. A positive effect means that STAR is better.

# %%
tables.distance_table(runs, dataset)

# %%
figures.effects(runs, dataset)
# %% [markdown]
# ## What the labels hide
#
# On rendered faces the landmarks are known exactly, so the same predictions can be held against
# the truth instead of the noisy labels. There the labels' own error is known as well.

# %%
tables.against_truth(runs)

# %% [markdown]
# ## How the trainings went
#
# Mean point error on the augmented training batches, one line per seed. The vertical axis is
# logarithmic.

# %%
figures.curves(runs)
# %% [markdown]
# ## Verdict
#
# The rules were written before the runs (`book/claims.yml`).

# %%
tables.claim_table(claims.judge_all(results, dataset=dataset, scale=scale))

# %% [markdown]
# ## Every run

# %%
tables.run_table(runs)
