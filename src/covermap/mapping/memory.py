"""How large tiles may be, and how much memory a map will take, told before it begins."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from covermap.core.errors import ProjectError
from covermap.mapping.predictor import Predictor
from covermap.mapping.settings import MapSettings
from covermap.mapping.tiles import TilePlan, smallest_tile

# Decoded blocks that GDAL keeps: the overlap of two rows of tiles of a usual scene.
GDAL_CACHE_BYTES = 128 * 2**20
# For everything that grows with a tile; with libraries and network a map stays under 2 GB.
_TILE_BYTES = 1_100 * 2**20
_SHARE_OF_MEMORY = 0.25
_LARGEST_TILE = 4096
# Smaller tiles go through the network together, up to the pixels of one of this side.
_BATCH_SIDE = 512
_LARGEST_BATCH = 4


@dataclass(frozen=True)
class Sizes:
    """What the network gets at once: the largest side of a tile in pixels, and tiles together."""

    tile: int
    batch: int = _LARGEST_BATCH

    def batch_of(self, plan: TilePlan) -> int:
        """Tiles that go through the network together; small scenes have few in a row."""
        height, width = plan.tile_shape
        fitting = _BATCH_SIDE**2 // (height * width)
        return max(1, min(self.batch, fitting, plan.cols.count))

    def smaller(self, plan: TilePlan, predictor: Predictor, settings: MapSettings) -> Sizes | None:
        """What to try when memory ran out; None where nothing smaller may be taken."""
        batch = self.batch_of(plan)
        if batch > 1:
            return replace(self, batch=batch // 2)
        stride = predictor.stride
        side = max(plan.tile_shape) // 2 // stride * stride
        if settings.tile != "auto" or side < smallest_tile(predictor.halo, stride):
            return None
        return Sizes(side, 1)


def sizes_for(predictor: Predictor, channels: int, settings: MapSettings) -> Sizes:
    """Tiles as large as memory allows: of context around them, large ones compute less twice.

    What is decided here depends on the machine, never on what else runs on it.

    Raises
    ------
    ProjectError
        `tile` is too small for the network's context.
    """
    smallest = smallest_tile(predictor.halo, predictor.stride)
    if settings.tile != "auto":
        if settings.tile < smallest:
            raise ProjectError(
                f"map: tile: {settings.tile} leaves nothing beside the context of {predictor.halo} "
                f"px that this network needs on each side; expected at least {smallest}, or auto"
            )
        return Sizes(settings.tile)
    pixels = _tile_budget() / _bytes_per_pixel(predictor, channels, settings)
    side = min(int(pixels**0.5), _LARGEST_TILE) // predictor.stride * predictor.stride
    return Sizes(max(side, smallest))


def foretold_bytes(
    predictor: Predictor, channels: int, settings: MapSettings, plan: TilePlan, batch: int
) -> int:
    """Peak memory of the process while it maps by a plan; it does not grow with the scene's height.

    With its width grows a seam alone: less than a tenth of a per cent of what the scene holds.
    """
    height, width = plan.tile_shape
    tiles = batch * height * width * _bytes_per_pixel(predictor, channels, settings)
    seams = 4 * predictor.classes * (plan.rows.ramp * plan.cols.span + plan.cols.ramp * height)
    return int(tiles) + seams + GDAL_CACHE_BYTES + _resident_bytes()


def _bytes_per_pixel(predictor: Predictor, channels: int, settings: MapSettings) -> float:
    # Being read: raw numbers, values, validity, values normalised, one band in float64 twice.
    reading = 13 * channels + 16
    answers = 2 * 4 * predictor.classes
    # Positions, highest and second probability, masks, class ids.
    encoding = 24 + (9 * predictor.classes if "probability" in settings.outputs else 0)
    return reading + 4 * channels + predictor.pixel_bytes + answers + encoding


def _tile_budget() -> float:
    from covermap.models.hardware import total_memory

    return min(_TILE_BYTES, _SHARE_OF_MEMORY * total_memory())


def _resident_bytes() -> int:
    """Memory of this process now; 0 where the system does not tell."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * resource.getpagesize()
    except (ImportError, OSError, ValueError, IndexError):
        return 0
