"""The project file: what it may say, writing one from data, and what of a run is stale."""
