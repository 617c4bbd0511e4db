"""Runs: a config is trained and evaluated, and its record is kept and read."""
