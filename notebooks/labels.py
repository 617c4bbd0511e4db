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
# # Are the labels where the networks see the points?
#
# The networks trained on 300-W predict points that lie about one pixel left of the labels. The
# trainings flip half of the pictures, so a horizontal shift that is part of the labels cannot be
# learned, and stays in the errors.

# %%
from IPython.display import Markdown

from companion.exhibits import labels
from companion.experiments.paper import EXPERIMENTS
from companion.page import check, records_of

# %% tags=["parameters"]
dataset = "300w"
measure = False  # measure anew; needs the data set
results = ""  # folder of the run records; empty: the committed ones
data_root = ""  # folder of the data sets; empty: $STARLIB_DATA

# %%
check("measure", measure, bool)
records = records_of(results)
if measure:
    by_arm = records.arm_runs(EXPERIMENTS["stability"], dataset)
    runs = [run for by_seed in by_arm.values() for run in by_seed.values()]
    labels.save(labels.measure(runs, dataset, data_root or None), records.folder)
measured = labels.load(records.folder)
Markdown(labels.finding(measured))

# %% [markdown]
# ## The shift by source and size
#
# The networks are those of the four distances, without and with STAR loss. A shift down,
# which flips do not hide, can be learned; what is left of it differs between the sources.

# %%
labels.table(measured)

# %% [markdown]
# ## What this does not show
#
# The original pictures are not at hand, so we cannot say whether the shift comes from the
# annotation files' first pixel, from how this copy of the pictures was cut, or from the annotators.
# A shift of the first two kinds would be the same in pixels for faces of every size, one of the
# annotators would grow with the face; the quarters are too few and too uneven to decide.
