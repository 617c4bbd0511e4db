# %% [markdown]
# # Why it helps
#
# The paper's explanation: labels of some points are ambiguous along a direction, the heatmap shows
# that direction, and STAR loss counts errors along it less. Three experiments test it, each beside
# a null: the gain on [rendered faces](../synthface.md) whose labels have no noise, or noise without
# a direction; heatmaps of networks trained without label noise; and the scatter of several people
# beside the edges of the picture. Then come two explanations that need no ambiguity: the width at
# which the loss is least, and the training error.

# %%
from IPython.display import Markdown

from companion.evidence import mechanism
from companion.evidence.annotators import floor
from companion.exhibits import annotators, experiment_tables, figures, tables
from companion.exhibits import mechanism as drawn
from companion.exhibits.run_tables import run_table
from companion.experiments.experiment import SETTLED_SCALE
from companion.experiments.paper import EXPERIMENTS
from companion.page import experiment_page
from companion.text import statements
from starlib.data import cephalo

# %% tags=["parameters"]
scale = "reduced"  # smoke, reduced, long or full
seeds = []  # one or several; empty: those of the experiment
device = "auto"  # a GPU where there is one, else the CPU
train = False  # train what the records lack, on data below $STARLIB_DATA; else they are only read
results = ""  # folder of the run records; empty: the committed ones

# %%
page = experiment_page("noise", "synthface", scale, seeds, device, train, results)
by_noise = experiment_tables.noise_effects(page.records, scale, page.seeds)
widths = mechanism.widths(page.records.by_config.values())
trained = mechanism.comparable(page.records.by_config.values())
measured = annotators.load(page.records.folder)
networks = annotators.networks(page.records, measured["faces"])
people = annotators.agreements(networks, measured)
page.say(statements.mechanism(by_noise, widths, mechanism.line(trained), people))

# %% [markdown]
# ## The gain by the noise of the labels
#
# Above, the gain of STAR loss with l2 against the true landmarks on
# [rendered faces](../synthface.md), by the noise of the labels; below, the gain with noise minus
# that on a control. Were ambiguity the cause, the differences would lie above zero. They
# are tested, since a significant and a non-significant gain need not differ.

# %%
interactions = experiment_tables.noise_interactions(by_noise, page.records, scale, page.seeds)
figures.forest(interactions)

# %% tags=["folded"]
tables.errors_by_part(by_noise)

# %% [markdown]
# ## The heatmap without label noise
#
# The measures of [Section 4.1](ambiguity.ipynb#direction-and-strength) for networks trained with
# labels of each noise, all beside the noise that has a direction. What a network shows that was
# trained without noise, or with noise without direction, is the picture and not the ambiguity.
# The angle of plain l2 is the same whatever the noise; with STAR loss, and with DR, the direction
# appears with the noise that has one.

# %% tags=["folded"]
experiment_tables.ambiguity_by_noise(page.records, scale)

# %% [markdown]
# ## The scatter of people
#
# Three workers labelled faces of LFPW that are also test faces of 300-W, and eleven people five
# points of cephalograms. A point's scatter is around the mean of all people on each face, pooled
# over faces; axes are measured from the line of the eyes, or from the film's rows. At the corners
# of the mouth a few faces determine the long axis, so its intervals are wide.

# %% tags=["folded"]
annotators.scatter_table(measured["people"], list(annotators.SAME.values()), "%", 100)

# %% tags=["folded"]
five = [cephalo.POINTS[point] for point in cephalo.FIVE]
annotators.scatter_table(measured["films"], five, "mm")

# %%
mean, median = (100 * value for value in floor(measured["people"]))
Markdown(
    "At these points of LFPW one worker lies "
    f"{mean:.2f} % of the distance of the outer eye corners from the mean of the two others, "
    f"{median:.2f} % in the median."
)

# %% [markdown]
# ## Three people and a heatmap
#
# The same scatter beside the heatmaps' covariance, averaged over faces, in a face whose eyes are
# level. Networks of the scale `reduced` keep the covariances of the first 128 test faces, which are
# other faces than LFPW's; those of the scale `long` keep those of the same faces. Ellipses have two
# standard deviations and the same mean area. The table has the angle between the long axes,
# averaged over points, and rank correlations over points. Its nulls are random draws, the edges of
# the picture, and networks trained on rendered faces without label noise. Intervals are over faces,
# and not over seeds.

# %%
long = ["l2, scale long", "STAR l2, scale long"]
shown = [f"l2{annotators.EXACT}", *long, "l2 +AAM", "STAR l2 +AAM"]
annotators.figure(page.records, networks, measured, shown)

# %% tags=["folded"]
annotators.table(people)

# %% [markdown]
# With every form of STAR loss the areas follow people's, with random directions too: it makes the
# maps wide where the error is large. Under the plain distances they run against people's; DR, the
# likelihoods and, with l2, AAM make them follow as well. STAR loss brings the axes closer to
# people's with l2 and AAM, and as much on rendered faces without label noise, where there is no
# ambiguity to learn. After 60 epochs, five seeds an arm, the axes are closer with l2 and with
# smooth-l1, but both intervals contain zero.

# %% [markdown]
# ## STAR loss without a part of it
#
# After 60 epochs with l2, where STAR loss gains, one part at a time is exchanged. *Isotropic*
# divides both errors by the same $\sqrt{(\lambda_1 + \lambda_2)/2}$, the width without the
# direction; *random directions* have $\lambda_1$ along a random direction; *detach* has no value
# term; *l2 with restriction* has that term alone, beside plain l2. Positive: the first of the two
# is better. With AAM the width and the directions are exchanged as well.

# %%
parts = experiment_page("controls", "300w", SETTLED_SCALE, results=results, need_runs=False)
parts.finding

# %%
parts.forest()

# %% tags=["folded"]
parts.effect_table

# %% [markdown]
# ## The width is an optimum
#
# Along one axis STAR loss with the value restriction is least at $\lambda^* = (d / w)^{2/3}$
# ([](../method.md#why-a-restriction-is-needed)). Here $d$ is the mean distance along an axis at the
# training error of the last epoch; nothing is fitted. The line is equality. With l2 the maps are
# wider, since the mean of the squared errors is more than the square of their mean. Arms with DR,
# which asks for a width of its own, are left out.

# %%
drawn.width_law(widths)

# %% [markdown]
# ## The test error follows the training error
#
# Every run on 300-W with 96 pixels and 18 epochs that has learned (NME below 10 %). The line is
# fitted to the arms without STAR loss, DR and AAM.

# %%
drawn.error_law(trained)

# %% tags=["folded"]
experiment_tables.residual_table(mechanism.at_equal_training_error(trained))

# %% [markdown]
# ## Norm of the gradient
#
# Mean norm of the network's gradient by epoch, on 300-W at 64 pixels. STAR loss, which divides by
# deviations below one, makes it several times as large. None of the factors and [learning
# rates](training.ipynb#the-size-of-the-steps) that we tried does for l2 what STAR loss does.

# %%
arms = {d: [f"64 {d}", f"64 STAR {d}"] for d in ("l2", "smooth_l1")}
by_arm = page.records.arm_runs(
    EXPERIMENTS["resolution"], "300w", arms=[arm for pair in arms.values() for arm in pair]
)
figures.curves(by_arm, arms, "gradient")

# %% [markdown]
# ## Every run

# %%
page.sources

# %%
every = [page.experiment.configs(name, scale, page.seeds) for name in page.experiment.datasets]
run_table(page.records.of(config for configs in every for config in configs))

# %% [markdown]
# ## What this does not show
#
# [Small networks and short trainings](../limitations.md) are common to all experiments. Rendered
# faces are no photographs. A correlation over arms does not say what causes what: a loss may lower
# the test error by lowering the training error, and that is what it should do. Not yet
# finished, with [rules written before](../claims.md#at-the-settled-scale): trainings on the labels
# of one of two dentists. No control has one width for all landmarks, or widths shuffled over them:
# one width for every direction still differs from landmark to landmark, and may serve ambiguity.
