"""What the loss, a training step, inference and memory cost here."""
