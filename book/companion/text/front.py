"""The sentences of the first screen, each with its condition."""

from companion.evidence.headline import TABLE3, headline_effects
from companion.evidence.statistics import counted
from companion.experiments.experiment import SETTLED_SCALE
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import Records
from companion.text.statements import SENTENCES, written
from starlib.training.config import SCALES


def first_screen(records: Records) -> str:
    """What holds, what does not, why, and how far to trust it (Markdown).

    ValueError with the sentence that the committed records do not bear.
    """
    e = headline_effects(records)
    if not all(effect.run for effect in e.values()):
        return "The runs behind the first page are not in these records."
    [run, *_] = records.arm_runs(EXPERIMENTS[TABLE3], "300w", arms=["l2"])["l2"].values()
    data = run.provenance["data"]["train"]
    noisy, exact = e["l2, rendered faces"], e["l2, rendered faces, exact labels"]
    whole, isotropic = e["l2, 60 epochs"], e["l2 without directions, 60 epochs"]
    values = {
        "image_size": run.config.image_size, "epochs": run.config.epochs, **data,
        "longer": SCALES[SETTLED_SCALE]["epochs"],
        "seeds": counted(sorted({n for effect in e.values() for n in effect.seeds})),
    }  # fmt: skip
    holds = {
        "Why it helps.": noisy.low < exact.mean and whole.low < isotropic.mean,
        "How far to trust this.": data["partial"],
    }
    sentences = {
        name: written(entry, e, holds.get(name, True), **values)
        for name, entry in SENTENCES["first"].items()
    }
    for statement in sentences.values():
        if not statement.holds:
            raise ValueError(f"the first page: no longer true: {statement.text}")
    return "\n\n".join(f"**{name}** {statement.text}" for name, statement in sentences.items())
