"""Runs and, later, studies of many runs. `run(spec, out)` is the one door to training."""
