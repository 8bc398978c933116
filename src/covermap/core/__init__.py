"""Grids, legends, files, errors, progress: what all floors stand on; no sensor, no torch."""
