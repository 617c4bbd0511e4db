# %% [markdown]
# # Which loss should I use?
#
# **The paper's claim** (Table 3). STAR loss lowers the error on 300-W by 0.05 to 0.40 points of
# NME.

# %%
from companion.exhibits.run_tables import flip_average_table
from companion.page import experiment_page

# %% tags=["parameters"]
dataset = "300w"
scale = "reduced"  # smoke, reduced, long or full
seeds = []  # one or several; empty: those of the experiment
device = "auto"  # a GPU where there is one, else the CPU
train = False  # train what the records lack, on data below $STARLIB_DATA; else they are only read
results = ""  # folder of the run records; empty: the committed ones

# %%
page = experiment_page("alternatives", dataset, scale, seeds, device, train, results)
page.finding

# %% [markdown]
# ## Errors and effects
#
# Each change on the same network and over the same baseline, smooth-l1 without STAR
# ([definitions](../reproduce.md#how-to-read-the-tables)). [](../use.md) says which setting suits
# which training.

# %%
page.forest()

# %%
page.effect_table

# %% tags=["folded"]
page.subset_table

# %% [markdown]
# ## Averaging with the mirror image
#
# The prediction on a crop averaged with the mirrored prediction on its mirror image: no training,
# and twice the time to predict. Shown are the runs whose weights we kept.

# %%
flip_average_table(page.records.folder, dataset)

# %% [markdown]
# ## Every run

# %%
page.sources

# %%
page.run_table

# %% [markdown]
# ## What this does not show
#
# [Small networks and short trainings](../limitations.md) have wide heatmaps, and most of what
# narrows them gains, within limits: the restriction alone harms l2, and at a large weight it keeps
# smooth-l1 from learning ([](restriction.ipynb)). The ranking changes with the length of the
# training: after 60 epochs DR gains less, and AAM [nothing](../reproduce.md#how-long-is-chosen).
