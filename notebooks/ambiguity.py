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
# # Is the first principal direction the ambiguous one?
#
# **The paper's claim** (Section 4.1, Fig. 3). The first principal direction of a heatmap is
# highly consistent with the ambiguous direction of its landmark, and its eigenvalue represents the
# strength of the ambiguity.
#
# The argument rests on looking: at the contour, the first principal axes lie along the contour. On
# photographs that is all one can do, because nobody knows how a landmark's annotators disagree.
#
# **What is done here.** On [rendered faces](../synthface.md) the direction and strength of the
# annotation noise are known for every landmark. So the angle between the two directions is measured
# (45° is chance), and $\lambda_1 / \lambda_2$ and $\lambda_1$ are compared with those of the noise.
# The paper's figures show a network trained with l2 and DR, so the three [claims](../claims.md) are
# decided on that arm, the strength by $\lambda_1 / \lambda_2$.
#
# A caution: under the value restriction the width of a map
# [follows the size of the error](../method.md#why-a-restriction-is-needed), whatever its cause. An
# axis of the map is long where the error is long; that the error is long *because of ambiguity*
# does not follow.

# %%
import numpy as np

from companion.evidence.ambiguity import angle_to_noise
from companion.exhibits import experiment_tables, face_figures, tables
from companion.page import experiment_page
from companion.text import statements
from starlib.files import ROOT

# %% tags=["parameters"]
dataset = "synthface"
scale = "reduced"  # smoke, reduced, long or full
seeds = []  # one or several; empty: those of the experiment
device = "auto"  # a GPU where there is one, else the CPU
train = False  # train what the records lack; otherwise they are only read
workers = 2  # runs side by side, when training
results = ""  # folder of the run records; empty: the committed ones
data_root = ""  # folder of the data sets; empty: $STARLIB_DATA

# %%
page = experiment_page(
    "ambiguity", dataset, scale, seeds, device, train, workers, results, data_root
)
deciding = page.by_arm["STAR l2 +DR"]
angle = np.mean([angle_to_noise(run) for run in deciding.values()])
page.say(statements.ambiguity(angle, page.effects))

# %% [markdown]
# ## The runs

# %%
page.sources

# %% [markdown]
# ## Errors and effects
#
# Definitions are on [](../reproduce.md#how-to-read-the-tables).

# %%
page.effect_table

# %%
page.forest()

# %% [markdown]
# ## Ellipses on faces
#
# The paper's Fig. 3 shows the principal axes of predicted heatmaps on photographs. Here they stand
# on rendered test faces: above, the heatmaps' ellipses of two standard deviations, with one factor
# for all of them that fits the errors on training faces; below, the noise that the labels have by
# construction. The network is the first of the arm with l2 and DR.

# %%
face_figures.ellipses(deciding)

# %% [markdown]
# ## Ellipses on a photograph
#
# The same ellipses from the 300-W network that comes with the project, on a photograph in the
# public domain (NASA's portrait of the astronaut Eileen Collins), where nobody knows the noise.

# %%
picture = ROOT / "book" / "playground" / "play" / "astronaut.jpg"
face_figures.photograph(picture, box=(178, 84, 274, 182))

# %% [markdown]
# ## Direction and strength
#
# Over the first test faces: the mean angle between the heatmap's first principal direction
# and that of the noise, over landmarks whose noise has a direction; the rank correlations over
# landmarks of $\lambda_1 / \lambda_2$ and of $\lambda_1$ with those of the noise; and the ratio of
# $\lambda_1 / \lambda_2$ at the contour to that at the eye corners.

# %%
experiment_tables.ambiguity_table(page.by_arm)

# %% [markdown]
# ## Errors along and across the ambiguous direction

# %%
experiment_tables.direction_table(page.by_arm, page.pairs)

# %% [markdown]
# ## Calibration
#
# Share of labels inside the 50, 90 and 95 % ellipses of the heatmaps, before and after the
# covariance is multiplied by one factor fitted on training faces.

# %%
experiment_tables.calibration_table(page.by_arm)

# %% [markdown]
# ## Errors against labels and against the truth

# %%
tables.against_truth(page.by_arm)

# %% [markdown]
# ## Every run

# %%
page.run_table

# %% [markdown]
# ## What this does not show
#
# Whether annotators of photographs slide along the contour as they do here by construction.
# [Small networks and short trainings](../limitations.md) are common to all experiments.
