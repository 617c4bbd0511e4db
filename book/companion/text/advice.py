"""Which setting for whom: what one can change in a training, ranked by effect in the records."""

from companion.evidence.effects import arms_effect, comparison_weights
from companion.evidence.statistics import bounds, counted, points
from companion.exhibits.cells import markdown_table
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import Records

S, A = "smooth-l1", "alternatives"
# What one trains with, what one takes instead, experiment, comparison (or arms), what to know
ADVICE: tuple[tuple[str, str, str, str | tuple[str, str], str], ...] = (
    ("l2", '`RegressionLoss("smooth_l1")`', "ablation_distance", ("l2", "smooth_l1"), "no STAR"),
    ("l2, which has to stay", '`STARLoss("l2")`', "ablation_distance", "l2", ""),
    (S, "AWing on target maps", A, "AWing over baseline", "no STAR; landmarks at the peaks"),
    (S, "DR beside it", A, "DR over baseline", "no STAR"),
    (S, "a Laplace likelihood", A, "Laplace NLL, heatmap over baseline", "no STAR"),
    (S, "`STARLoss(weight=10.0)`", A, "STAR w 10 over baseline",
     "w chosen on the test set: optimistic"),
    (S, "`STARLoss(weight=20.0)`", "restriction", ("baseline", "STAR w 20"),
     "the network that comes with this project"),
    (S, '`STARLoss(restriction="detach")`', A, "STAR detach over baseline", "no w to choose"),
    (S, "`STARLoss(weight=2.0)`", "released_code", "w 2 over baseline", "the authors' code"),
    (S, "`STARLoss()`", "ablation_distance", "smooth_l1", "the paper's w = 1"),
    ("smooth-l1 and AAM", "`STARLoss()`", "ablation_distance", "aam smooth_l1", ""),
    ("smooth-l1 and DR", "`STARLoss()`", "ablation_distance", "dr smooth_l1", "leave STAR out"),
)  # fmt: skip


def advice(records: Records) -> str:
    """The table, the largest effect first (Markdown); what is not run stays out of it."""
    rows = []
    for have, take, name, compared, note in ADVICE:
        experiment = EXPERIMENTS[name]
        if isinstance(compared, str):
            weights = comparison_weights(experiment, [compared])
        else:
            weights = dict(zip(compared, (1.0, -1.0), strict=True))
        runs = records.arm_runs(experiment, "300w", arms=list(weights))
        effect = arms_effect(runs, weights)
        if effect.run:
            shown = f"{points(effect.mean)} {bounds(effect.low, effect.high)}"
            rows.append((effect.mean, [have, take, shown, counted(effect.seeds), note]))
    rows.sort(key=lambda row: -row[0])
    head = ["trained with", "take", "error falls by (points) [95 %]", "seeds", "note"]
    return markdown_table(head, [cells for _, cells in rows])
