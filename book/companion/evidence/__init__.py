"""What the records say: effects with intervals, and verdicts."""
