"""Grids, legends, files, errors, progress: what every other floor stands on. Knows no sensor, no torch."""
