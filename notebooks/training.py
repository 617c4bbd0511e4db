# %% [markdown]
# # Is it the training, or the labels?
#
# The paper trains many times as long as the reduced scale does, so the effect might grow as
# training converges. STAR loss has a larger gradient than the plain loss, so its gain might be that
# of another step size. And part of the error of every network is a shift of the labels.

# %%
from IPython.display import Markdown

from companion.evidence.effects import effects_by_length
from companion.exhibits import figures, labels
from companion.exhibits.run_tables import run_table
from companion.experiments.experiment import SETTLED_SCALE
from companion.experiments.paper import EXPERIMENTS
from companion.page import check, experiment_page

# %% tags=["parameters"]
dataset = "300w"
scale = "reduced"  # smoke, reduced, long or full
seeds = []  # one or several; empty: those of the experiment
device = "auto"  # a GPU where there is one, else the CPU
train = False  # train what the records lack, on data below $STARLIB_DATA; else they are only read
measure = False  # measure the shift of the labels anew; needs the data set
results = ""  # folder of the run records; empty: the committed ones

# %%
page = experiment_page("training_length", dataset, scale, seeds, device, train, results)
longer = experiment_page("longer", "300w", SETTLED_SCALE, results=results, need_runs=False)
by_length = effects_by_length(page.records)
page.finding_on(by_length | longer.effects)

# %% [markdown]
# ## Eighteen epochs and sixty
#
# Every comparison of [Table 3](ablation_distance.ipynb) that is finished at both lengths. The
# longer training has [late milestones](../reproduce.md#how-long-is-chosen).

# %%
figures.forest(by_length)

# %% [markdown]
# ## Twice the epochs of the settled scale
#
# Plain l2 improves most with a longer training, and that could be all that STAR loss gains with it.
# So both are trained for 120 epochs, by a rule written when [one run without STAR
# loss](../provenance.md#what-was-settled-after-looking) was known, and none with it.

# %% tags=["folded"]
longer.effect_table

# %% [markdown]
# ## Longer with early milestones
#
# One seed was trained for 60 epochs with milestones at the same shares of the training as at 18:
# after the first, networks hardly improve.

# %% tags=["folded"]
page.effect_table

# %%
page.curves({d: page.arms_with(distance=d) for d in ("smooth_l1", "l2")})

# %% [markdown]
# ## The size of the steps
#
# Adam ignores a constant factor of the gradient, but not how it changes with the error and over a
# training: with l2 it vanishes with the error, and that could be the whole effect. So l2 without
# STAR is trained with other learning rates, and with other factors of the loss, which should change
# nothing.

# %%
steps = experiment_page("step_size", dataset, scale, seeds, device, train, results)
steps.finding

# %%
steps.forest()

# %% tags=["folded"]
steps.effect_table

# %% [markdown]
# ## A one-pixel shift in the 300-W labels
#
# Networks trained on 300-W, with any distance, without or with STAR, predict points about one pixel
# left of the labels. The trainings flip half of the pictures, so a horizontal shift that is part of
# the labels cannot be learned, and stays in the errors; a vertical one that all folders share can.
# On helen the predictions also lie below the labels, on lfpw hardly: a vertical shift of one folder
# stays as well.

# %%
check("measure", measure, bool)
if measure:
    by_arm = page.records.arm_runs(EXPERIMENTS["stability"], dataset)
    runs = [run for by_seed in by_arm.values() for run in by_seed.values()]
    labels.save(labels.measure(runs, dataset), page.records.folder)
measured = labels.load(page.records.folder)
Markdown(labels.finding(measured))

# %% tags=["folded"]
labels.table(measured)

# %% [markdown]
# The original pictures are not available to us, so we cannot say whether the shift comes from the
# annotation files' first pixel, from how this copy was cut, or from the annotators.

# %% [markdown]
# ## Every run

# %%
page.sources

# %%
run_table([*page.runs, *steps.runs])
