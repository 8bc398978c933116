"""Scenes that a bundle maps, opened so that they fit it."""

from __future__ import annotations

from pathlib import Path

from covermap.bundle.facts import Bundle
from covermap.bundle.fit import check_fits
from covermap.core.errors import BundleError, CovermapError, ImageryError
from covermap.core.grid import pixel_size_m
from covermap.core.progress import say
from covermap.core.settings import parse
from covermap.imagery.opening import open_scene
from covermap.imagery.raster import Scene
from covermap.imagery.settings import ImagerySettings


def open_for(bundle: Bundle, path: Path, tell: bool = True) -> Scene:
    """Open a scene so that it fits a bundle.

    What the file does not say of itself is read as in training, and that is told if wished.

    Raises
    ------
    BundleError
        Bands, units or resolution do not fit.
    """
    bare = _try(path, None, bundle)
    if isinstance(bare, CovermapError) or _says_little(bare, bundle):
        hints = bundle.imagery
        if hints:
            settings = parse(ImagerySettings, {"path": str(path), **hints}, str(path))
            described = _try(path, settings, bundle)
            if not isinstance(described, CovermapError):
                shown = ", ".join(f"{k} {v}" for k, v in hints.items() if k != "quality")
                if tell:
                    say(f"{path.name}: read as the training imagery was ({shown})")
                return _told(described, bundle) if tell else described
    if isinstance(bare, CovermapError):
        raise bare
    return _told(bare, bundle) if tell else bare


def _try(path: Path, settings: ImagerySettings | None, bundle: Bundle) -> Scene | CovermapError:
    try:
        scene = open_scene(path, settings)
        check_fits(bundle, scene)
    except (BundleError, ImageryError) as error:
        return error
    return scene


def _says_little(scene: Scene, bundle: Bundle) -> bool:
    """True where plain numbers would be read without the nodata and scale known from training."""
    names = [channel.name for channel in bundle.channels]
    return any(band.unit == "dn" for band in scene.describe(names))


def _told(scene: Scene, bundle: Bundle) -> Scene:
    for note in scene.notes:
        say(f"{scene.name}: {note}")
    if bundle.resolution_m is None and scene.geobox.crs is not None:
        say(
            f"{scene.name}: the model learnt from pictures without a CRS; whether their pixels "
            f"were as large as these, {pixel_size_m(scene.geobox):.3g} m, cannot be checked"
        )
    return scene
