"""A generated landscape as a Sentinel-2 scene, of which the whole truth is known."""

from covermap.datasets.world.write import write_world

__all__ = ["write_world"]
