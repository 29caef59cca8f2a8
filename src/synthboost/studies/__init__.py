"""Runs: the paper's strategies as stages, one fully specified run, the demo."""
