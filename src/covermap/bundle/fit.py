"""Whether a scene is what a network was trained for."""

from __future__ import annotations

from covermap.bundle.facts import Bundle
from covermap.core.errors import BundleError, ImageryError
from covermap.core.grid import pixel_size_m
from covermap.imagery.raster import Band, Scene

_RESOLUTION_TOLERANCE, _ROUNDING = 0.1, 1e-9


def check_fits(bundle: Bundle, scene: Scene) -> None:
    """Refuse a scene that the network was not trained for.

    Resolutions are compared where the scene and the training imagery have a CRS.

    Raises
    ------
    BundleError
        Naming all bands and indices that are missing, each unit that differs, and a resolution
        more than 10 % off.
    """
    problems = [*_band_problems(bundle, scene), *_resolution_problems(bundle, scene)]
    if problems:
        raise BundleError(f"{scene.name} does not fit the bundle: {'; '.join(problems)}")


def _band_problems(bundle: Bundle, scene: Scene) -> list[str]:
    missing, units = [], []
    for channel in bundle.channels:
        band = _described(scene, channel.name)
        if band is None:
            missing.append(channel.name)
        elif band.unit != channel.unit:
            units.append(f"{channel.name} is in {band.unit}, expected {channel.unit}")
    if units:
        units[-1] += " (say the unit and scale of the scene's bands)"
    if missing:
        had = ", ".join(band.name for band in scene.bands) or "none"
        return [
            f"it lacks {', '.join(missing)} (expected {', '.join(bundle.channel_names)}; "
            f"the scene has {had}){_naming(bundle, scene)}",
            *units,
        ]
    return units


def _naming(bundle: Bundle, scene: Scene) -> str:
    """How to name bands that have numbers alone; empty where they have names."""
    numbers = [f"band_{number + 1}" for number in range(len(scene.bands))]
    if [band.name for band in scene.bands] != numbers or len(scene.files) != 1:
        return ""
    names = bundle.channel_names
    shown = names if len(names) == len(numbers) else (*names[:1], "...")
    return (
        ". Its bands have no names; if you know which they are, write them into the file, in its "
        f"order: python -c \"import rasterio; d = rasterio.open('{scene.files[0].name}', 'r+'); "
        f'd.descriptions = [{", ".join(repr(name) for name in shown)}]; d.close()"'
    )


def _described(scene: Scene, name: str) -> Band | None:
    try:
        return scene.describe([name])[0]
    except ImageryError:
        return None


def _resolution_problems(bundle: Bundle, scene: Scene) -> list[str]:
    if scene.geobox.crs is None or bundle.resolution_m is None:
        return []
    found, finest = pixel_size_m(scene.geobox), bundle.resolution_m
    coarsest = bundle.coarsest_m or finest
    # Of a scene that taught, rounding apart, every size fits.
    tolerance = _RESOLUTION_TOLERANCE + _ROUNDING
    if finest * (1 - tolerance) <= found <= coarsest * (1 + tolerance):
        return []
    expected = f"{finest:.4g} m" if coarsest == finest else f"{finest:.4g} to {coarsest:.4g} m"
    return [f"its pixels are {found:.4g} m, expected {expected} within 10 % (resample it first)"]
