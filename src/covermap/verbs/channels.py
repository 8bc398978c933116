"""Which bands the scenes of a project have in common, and whether they mean the same in all."""

from __future__ import annotations

from collections.abc import Sequence

from covermap.core.errors import ProjectError, listed
from covermap.imagery.raster import Scene

# Fewer scenes than this share do not take a band from all the others: they are odd ones out.
_ODD_SHARE = 0.1


def common_bands(scenes: Sequence[Scene]) -> list[str]:
    """Names of the bands that all scenes have, in the order of the first.

    Raises
    ------
    ProjectError
        There is none, or a few odd scenes would take a band from all others.
    """
    held = _holders(scenes)
    names = [band.name for band in scenes[0].bands if len(held[band.name]) == len(scenes)]
    if not names:
        raise ProjectError(
            "the scenes have no band in common: "
            + "; ".join(f"{s.name}: {', '.join(b.name for b in s.bands)}" for s in scenes[:3])
            + ". Name their bands alike: imagery: [{path: ..., bands: [...]}]"
        )
    _require_no_odd_ones(scenes, held, names)
    return names


def _require_no_odd_ones(
    scenes: Sequence[Scene], held: dict[str, set[int]], names: Sequence[str]
) -> None:
    few = _ODD_SHARE * len(scenes)
    odd: dict[str, None] = {}
    missed = []
    for band, holders in held.items():
        lacking = [scene.name for place, scene in enumerate(scenes) if place not in holders]
        if 0 < len(lacking) <= few:
            odd |= dict.fromkeys(lacking)
            missed.append(band)
    if missed:
        raise ProjectError(
            f"{listed(list(odd), 3)}: {'has' if len(odd) == 1 else 'have'} no "
            f"{listed(missed, 4)}, which the other {len(scenes) - len(odd)} scenes have. Leave "
            f"{'it' if len(odd) == 1 else 'them'} out of imagery (a grey picture among coloured "
            "ones, say), or take what all have: bands: [" + ", ".join(names) + "]"
        )


def left_out(scenes: Sequence[Scene]) -> str:
    """Bands that only some scenes have, and a scene that lacks each, in words; else empty."""
    told = []
    for band, holders in _holders(scenes).items():
        lacking = [scene.name for place, scene in enumerate(scenes) if place not in holders]
        if lacking:
            told.append(f"{band} (not in {listed(lacking, 1)})")
    return ", ".join(told)


def _holders(scenes: Sequence[Scene]) -> dict[str, set[int]]:
    """Places of the scenes that have each band, by its name."""
    held: dict[str, set[int]] = {}
    for place, scene in enumerate(scenes):
        for band in scene.bands:
            held.setdefault(band.name, set()).add(place)
    return held


def require_common_units(scenes: Sequence[Scene], names: Sequence[str]) -> None:
    """Stop where scenes cannot give all channels, or not in the same units.

    Raises
    ------
    ImageryError
        A band or index cannot be had of a scene.
    ProjectError
        A band is reflectance in one scene and plain numbers in another.
    """
    first = scenes[0].describe(names)
    for scene in scenes[1:]:
        for one, other in zip(first, scene.describe(names), strict=True):
            if one.unit != other.unit:
                raise ProjectError(
                    f"band '{one.name}' is in '{one.unit}' in {scenes[0].name} and in "
                    f"'{other.unit}' in {scene.name}, and one model cannot learn both. Say what "
                    "the numbers of one of them are: imagery: [{path: ..., scale: 0.0001}] (for "
                    "reflectance x 10000), or unit: reflectance"
                )
