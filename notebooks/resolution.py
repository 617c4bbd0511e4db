# %% [markdown]
# # Resolution of the input
#
# **The paper's claim** (Fig. 4, on WFLW). STAR loss helps at 64, 128 and 256 pixels, and a network
# with STAR loss at 128 pixels is as good as one without it at 256.

# %%
from companion.exhibits import paper_figures
from companion.page import experiment_page

# %% tags=["parameters"]
dataset = "300w"
scale = "reduced"  # smoke, reduced, long or full
seeds = []  # one or several; empty: those of the experiment
device = "auto"  # a GPU where there is one, else the CPU
train = False  # train what the records lack, on data below $STARLIB_DATA; else they are only read
results = ""  # folder of the run records; empty: the committed ones

# %%
page = experiment_page("resolution", dataset, scale, seeds, device, train, results)
page.finding

# %% [markdown]
# ## Error against resolution
#
# Each distance that was run, without and with STAR.

# %%
seeds_of = paper_figures.resolution_seeds(page.by_arm)
paper_figures.sweep(seeds_of, "side of the input, pixels")

# %% [markdown]
# ## Errors and effects
#
# The paper prints effects averaged over the distances, and so the claims are about the mean of
# smooth-l1 and l2. The claim about half the resolution is tested between 64 and 128 pixels.
# [Definitions](../reproduce.md#how-to-read-the-tables).

# %%
page.effect_table

# %% tags=["folded"]
page.subset_table

# %% [markdown]
# ## Every run

# %%
page.sources

# %%
page.run_table

# %% [markdown]
# ## What this does not show
#
# [Small networks and short trainings](../limitations.md) are common to all experiments. Nothing was
# trained at the paper's resolution.
