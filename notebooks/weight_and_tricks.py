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
from companion.exhibits.experiment_tables import width_table
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
    "weight_and_tricks", dataset, scale, seeds, device, train, workers, results, data_root
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
# ## Width of the heatmaps
#
# Mean standard deviation of the averaged network's heatmaps on a few training faces after the last
# epoch, in units of the input's [-1, 1], without STAR and with it.

# %%
width_table(page.by_arm, page.pairs)

# %% [markdown]
# The same after every epoch.

# %%
groups = {trick: [arm for arm in page.experiment.arms if trick in arm] for trick in ("DR", "AAM")}
page.curves(groups, "width")

# %% [markdown]
# ## How the trainings went
#
# Mean point error on the augmented training batches: each seed thin, their mean in bold. The
# vertical axis is logarithmic.

# %%
page.curves(groups)

# %% [markdown]
# ## Every run

# %%
page.run_table

# %% [markdown]
# ## What this does not show
#
# [Small networks and short trainings](../limitations.md) are common to all experiments.
# Two weights with one distance do not tell which is best.
