"""Anything that can say what is on the ground, burnt onto a grid as a target."""
