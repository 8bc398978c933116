"""Tallies, scores with intervals, areas and baselines."""
