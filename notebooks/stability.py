# %% [markdown]
# # How much networks trained alike differ
#
# **The paper's claim** (Figs. 1 and 6). Five models trained alike predict different points, most of
# all at the contour. With STAR loss and the l2 distance the mean variance of their predictions
# falls from 0.79 to 0.69.

# %%
from companion.evidence.breakdown import stability_effects
from companion.exhibits import experiment_tables, face_figures, figures, paper_figures
from companion.page import experiment_page

# %% tags=["parameters"]
dataset = "300w"
scale = "reduced"  # smoke, reduced, long or full
seeds = []  # one or several; empty: those of the experiment
device = "auto"  # a GPU where there is one, else the CPU
train = False  # train what the records lack, on data below $STARLIB_DATA; else they are only read
results = ""  # folder of the run records; empty: the committed ones

# %%
page = experiment_page("stability", dataset, scale, seeds, device, train, results)
effects = {name: stability_effects(page.by_arm, pair)["all"] for name, pair in page.pairs.items()}
page.finding_on(effects)

# %% [markdown]
# ## Predictions on a face
#
# As the paper's Fig. 1. First two rows: what networks that differ in their seed alone predict for
# one test face, drawn by the curves of its labels since its picture may not be shown; a cross is
# their mean. Third row: heatmaps of the network that comes with the project, on a
# photograph in the public domain. One face is an anecdote; the figures below have all.

# %%
face_figures.scatter(page.by_arm, page.pairs["l2"])

# %% [markdown]
# ## Effect on the spread
#
# The spread of a landmark's predictions around their mean over seeds, without STAR minus with it,
# in % of the inter-ocular distance, with the 95 % interval of the jackknife over seeds.

# %%
axis = "reduction of the spread over seeds by STAR (% of the inter-ocular distance)"
figures.forest(effects, axis=axis, unit="% of the inter-ocular distance")

# %% [markdown]
# ## Spread of the predictions
#
# The same spread over landmarks and test faces, as the paper's Fig. 6. Vertical lines: the plotted
# means, which the figure above corrects for the small-sample bias.

# %%
pairs = {name: page.pairs[name] for name in ("smooth_l1", "l2")}
paper_figures.spread_distribution(page.by_arm, pairs)

# %% [markdown]
# ## By region of the face
#
# The mean spread over the landmarks of each region, corrected by the jackknife. The claim on the
# contour is about its effect minus that of the eyes.

# %% tags=["folded"]
experiment_tables.region_table(page.by_arm, page.pairs)

# %% [markdown]
# ## Every run

# %%
page.sources

# %%
page.run_table

# %% [markdown]
# ## What this does not show
#
# [Small networks and short trainings](../limitations.md) are common to all experiments. The paper's
# numbers are on WFLW and without a unit, and it does not say whether they are variances or roots.
# So the rule judges the sign alone. If it is a variance, the standard deviation falls by about half
# of the share that is printed.
