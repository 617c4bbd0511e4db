# %% [markdown]
# # What STAR loss costs
#
# **The paper's claim** (abstract and Section 5.3). STAR loss needs "negligible computation
# overhead".
#
# `python -m companion bench` measures loss, training step and inference in turns, in random order
# within each round, so that other load affects all alike. Shown are medians, with quartiles.

# %%
from IPython.display import Markdown

from companion.bench import summary as costs
from companion.evidence import claims
from companion.exhibits import cost as cost_views
from companion.experiments.records import Records
from companion.page import check, committed, results_of
from companion.text import statements, verdicts

# %% tags=["parameters"]
results = ""  # folder of the records; empty: the repository's results/
number = 0  # which machine's record, in the order of the first table

# %%
check("number", number, int)
every = Records.load(results_of(results))
records = costs.load(every.folder)
record = records[number]
cost = [j for j in claims.judge_all(every) if j.rule["kind"] == "cost"]
shares = [costs.form_share(record, form) for form in ("ours", "literal")]
Markdown(verdicts.finding(statements.training_step(*shares), cost, "cost", committed(every)))

# %% [markdown]
# ## In short
#
# The claim's rule, in `book/claims.yml`, must hold on every machine that was measured.

# %%
cost_views.share_figure(record)

# %%
cost_views.summary_table(record)

# %%
Markdown(cost_views.machines_text(records))

# %% [markdown]
# ## The machines

# %% tags=["folded"]
cost_views.machine_table(records)

# %% [markdown]
# ## The loss alone
#
# Value and gradient for heatmaps of 64 × 64 cells, in milliseconds. "STAR, literal equations" is
# Eqs. 3-6 with the eigen-solver on the CPU, as in the released code. "One read and one write" is
# the least that any loss must do: read the heatmaps and write their gradient. The fixed cost is
# that of one map of four cells.

# %% tags=["folded"]
cost_views.loss_table(record)

# %%
cost_views.loss_figure(record)

# %% tags=["folded"]
cost_views.ratio_table(record)

# %% [markdown]
# ## Growth
#
# Slope of the logarithm of the time over that of the number of heatmaps; 1 is linear. New memory
# costs more per byte above some size, as the row "one read and one write" shows.

# %% tags=["folded"]
cost_views.growth_table(record)

# %% [markdown]
# ## A training step
#
# Four stacks, 256 pixels, 98 points: the paper's protocol, with a batch that suits the machine. The
# loss is timed by itself as well, because its share of a step is smaller than the spread of the
# steps. What STAR *adds* is its time minus the regression loss's.

# %% tags=["folded"]
cost_views.step_table(record)

# %% [markdown]
# ## Variants of a training step
#
# A training step with STAR by precision and by the layout of the weights in memory. `train` takes
# the precision of the configuration (bfloat16 unless it says otherwise) and the layout "channels
# last"; `train --compile` compiles network and loss first, which pays only in a run that is long
# enough to regain the time.

# %% tags=["folded"]
cost_views.variants_table(record)

# %% tags=["folded"]
cost_views.compile_table(record)

# %% [markdown]
# ## Memory
#
# Crops are read from the disk batch by batch, so the memory of a training on the CPU does not
# depend on their number. On a GPU they are copied there while they take at most a quarter of what
# is free.

# %% tags=["folded"]
cost_views.memory_table(record)

# %% [markdown]
# ## Inference
#
# From stored crops to landmarks with the same network. The loss is used in training alone, so STAR
# costs nothing here.

# %% tags=["folded"]
cost_views.inference_table(record)
