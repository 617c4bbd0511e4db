"""The numbers of the page on limitations, from the records."""

from collections.abc import Mapping

import numpy as np

from companion.evidence.limits import processor_difference, shift_cost
from companion.evidence.mechanism import comparable, line
from companion.evidence.statistics import bounds, points
from companion.exhibits import labels
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import Records


def limits(records: Records) -> Mapping[str, str]:
    """Name -> text, for `{{ limits.name }}`; "not measured" where the records have nothing."""
    found = dict.fromkeys(("r", "runs", "shift", "cost", "helen", "processors"), "not measured")
    found["changed"] = str(sum(run.provenance["dirty"] for run in records.runs))
    trained = comparable(records.by_config.values())
    if len(trained) > 2:
        law = line(trained)
        found |= {"r": f"{law.r:.3f}", "runs": f"{law.runs}"}
    reduced = [
        run
        for run in records.by_config.values()
        if (run.config.dataset, run.config.scale) == ("300w", "reduced")
    ]
    if difference := processor_difference(reduced):
        mean, low, high = difference
        found["processors"] = f"{points(mean)} {bounds(low, high)} points"
    if measured := labels.load(records.folder):
        whole = [row for row in measured["rows"] if row["size"] == "all"]
        faces = [row["faces"] for row in whole]
        shift = np.average([abs(row["right_percent"]) for row in whole], weights=faces)
        [helen] = [row["faces"] for row in whole if row["source"] == "helen"]
        found |= {"shift": f"{shift:.2f} %", "helen": f"{100 * helen / sum(faces):.0f} %"}
    by_arm = records.arm_runs(EXPERIMENTS["stability"], "300w")
    costs = [100 * shift_cost(run) for by_seed in by_arm.values() for run in by_seed.values()]
    if costs:
        found["cost"] = (
            f"{np.mean(costs):.2f} points ({min(costs):.2f} to {max(costs):.2f} by network)"
        )
    return found
