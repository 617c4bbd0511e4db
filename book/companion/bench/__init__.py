"""Benchmarks of the loss, a training step, inference and memory."""
