"""Fitting a network to chips."""
