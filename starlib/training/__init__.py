"""Training of one network: config, objective, loop, checkpoints, several processes."""
