# %% [markdown]
# # Why it helps
#
# The paper's explanation: labels of some points are ambiguous along a direction, the heatmap shows
# that direction, and STAR loss counts errors along it less. Then the gain should grow with the
# ambiguity of the labels, and vanish without it.

# %%
from companion.evidence import mechanism
from companion.exhibits import annotators, experiment_tables, figures
from companion.exhibits import mechanism as drawn
from companion.exhibits.run_tables import run_table
from companion.experiments.paper import EXPERIMENTS
from companion.page import experiment_page
from companion.text import statements

# %% tags=["parameters"]
scale = "reduced"  # smoke, reduced, long or full
seeds = []  # one or several; empty: those of the experiment
device = "auto"  # a GPU where there is one, else the CPU
train = False  # train what the records lack; otherwise they are only read
workers = 2  # runs side by side, when training
results = ""  # folder of the run records; empty: the committed ones
data_root = ""  # folder of the data sets; empty: $STARLIB_DATA

# %%
page = experiment_page(
    "noise", "synthface", scale, seeds, device, train, workers, results, data_root
)
by_noise = experiment_tables.noise_effects(page.records, scale, page.seeds)
widths = mechanism.widths(page.records.runs)
trained = mechanism.comparable(page.records.by_config.values())
page.say(statements.mechanism(by_noise, widths, mechanism.line(trained)))

# %% [markdown]
# ## The gain by the noise of the labels
#
# On [rendered faces](../synthface.md) the noise of the labels can be set: to none, to other
# strengths, and to noise of the same size without a direction. Gain of STAR loss with l2 against
# the true landmarks. One significant and one non-significant effect need not differ: the claim on
# known ambiguity, folded under the finding, has the interval of the difference itself.

# %%
figures.forest({noise: effects["l2"] for noise, effects in sorted(by_noise.items())})

# %% tags=["folded"]
experiment_tables.noise_table(by_noise)

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
# ## The test error is the training error
#
# Every run on 300-W at scale `reduced` that has learned (NME below 10 %). The line is fitted to the
# arms without STAR loss, DR and AAM.

# %%
drawn.error_law(trained)

# %% tags=["folded"]
experiment_tables.residual_table(mechanism.at_equal_training_error(trained))

# %% [markdown]
# ## Three people and a heatmap
#
# Three workers labelled faces of LFPW that are also test faces of 300-W. Ellipses of two standard
# deviations: the scatter of their labels, and the heatmaps of networks at scale `long`, scaled to
# the same mean area, in a face whose eyes are level. The angle between the long axes has two
# controls: chance, 45°, and the edges of the picture, which need no network. Networks with STAR
# loss appear here once they are trained.

# %%
arms = ["l2", "STAR l2", "smooth_l1", "STAR smooth_l1"]
trained_long = page.records.arm_runs(EXPERIMENTS["ablation_distance"], "300w", "long", arms=arms)
measured = annotators.load(page.records.folder)
annotators.figure(trained_long, measured)

# %%
annotators.table(annotators.agreements(trained_long, measured) if measured else {})

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
# the test error by lowering the training error, and that is what it should do.
