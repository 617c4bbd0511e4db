# %% [markdown]
# # Is the first principal direction the ambiguous one?
#
# **The paper's claim** (Section 4.1, Fig. 3). The first principal direction of a heatmap is highly
# consistent with the ambiguous direction of its landmark, and its eigenvalue represents the
# strength of the ambiguity. The paper shows it on photographs, where nobody knows that direction.
# On [rendered faces](../synthface.md) direction and strength of the annotation noise are known.

# %%
import numpy as np

from companion.evidence.ambiguity import angle_to_noise
from companion.exhibits import ambiguity, experiment_tables, face_figures, tables
from companion.experiments.paper import EXPERIMENTS
from companion.page import experiment_page
from companion.text import statements

# %% tags=["parameters"]
dataset = "synthface"
scale = "reduced"  # smoke, reduced, long or full
seeds = []  # one or several; empty: those of the experiment
device = "auto"  # a GPU where there is one, else the CPU
train = False  # train what the records lack, on data below $STARLIB_DATA; else they are only read
results = ""  # folder of the run records; empty: the committed ones

# %%
page = experiment_page("ambiguity", dataset, scale, seeds, device, train, results)
deciding = page.by_arm["STAR l2 +DR"]
noise = EXPERIMENTS["noise"]
null, noisy = (
    page.records.arm_runs(noise, f"synthface-{strength}", scale, arms=["STAR l2"])["STAR l2"]
    for strength in (0, 6)
)
angles = [np.mean([angle_to_noise(run) for run in by_seed.values()])
          for by_seed in (deciding, null)]  # fmt: skip
page.say(statements.ambiguity(*angles))

# %% [markdown]
# ## Ellipses on faces
#
# As the paper's Fig. 3, from a network trained with STAR, l2 and DR. Arrows: the first (orange) and
# second (blue) principal component, two standard deviations long. Shade of the ellipse: $\lambda_1
# / \lambda_2$, none for a circle. Above, the heatmaps, their covariances multiplied by one factor
# that fits the errors on training faces; below, the noise of the labels.

# %%
ambiguity.ellipses(deciding)

# %% [markdown]
# ## Angle between heatmap and noise
#
# Over the landmarks of the first test faces whose noise has a direction. The null is a network
# whose labels had no noise: what its heatmaps share with that direction, they take from the
# picture. The network trained on the same faces with noise of strength 6 stands beside it.

# %%
ambiguity.angles(
    {
        "STAR l2 with DR, as the paper's figure": deciding,
        "null: STAR l2, labels without noise": null,
        "STAR l2, noise of strength 6": noisy,
    }
)

# %% [markdown]
# ## Direction and strength
#
# The mean angle; the rank correlations over landmarks of $\lambda_1 / \lambda_2$ and of $\lambda_1$
# with those of the noise; and the ratio of $\lambda_1 / \lambda_2$ at the contour to that at the
# eye corners. The [claims](../claims.md) are decided on STAR l2 with DR, the strength by $\lambda_1
# / \lambda_2$.

# %%
experiment_tables.ambiguity_table(page.by_arm)

# %% [markdown]
# ## Errors and effects
#
# Effects of STAR loss on the error against the labels
# ([definitions](../reproduce.md#how-to-read-the-tables)).

# %%
page.forest()

# %%
page.effect_table

# %% [markdown]
# ## Errors along and across the ambiguous direction

# %% tags=["folded"]
experiment_tables.direction_table(page.by_arm, page.pairs)

# %% [markdown]
# ## Ellipses on a photograph
#
# From the 300-W network that comes with the project, on NASA's portrait of the astronaut Eileen
# Collins (public domain), where nobody knows the noise.

# %%
face_figures.photograph()

# %% [markdown]
# ## Calibration
#
# Share of labels inside the 50, 90 and 95 % ellipses of the heatmaps, before and after the
# covariance is multiplied by one factor fitted on training faces.

# %% tags=["folded"]
experiment_tables.calibration_table(page.by_arm)

# %% [markdown]
# ## Errors against labels and against the truth

# %% tags=["folded"]
tables.against_truth(page.by_arm)

# %% [markdown]
# ## Every run

# %%
page.sources

# %%
page.run_table

# %% [markdown]
# ## What this does not show
#
# Whether annotators of photographs slide along the contour as they do here by construction. [Small
# networks and short trainings](../limitations.md) are common to all experiments.
