"""Scenes that a bundle maps, opened so that they fit it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from covermap.bundle.facts import Bundle
from covermap.bundle.fit import check_fits
from covermap.core.errors import BundleError, CovermapError, ImageryError
from covermap.core.grid import pixel_size_m
from covermap.core.progress import say
from covermap.core.settings import parse
from covermap.imagery.file_scene import FileScene
from covermap.imagery.mosaic import MosaicScene
from covermap.imagery.opening import open_scene
from covermap.imagery.raster import Scene
from covermap.imagery.settings import ImagerySettings
from covermap.imagery.stack import StackScene


def open_for(bundle: Bundle, path: Path, tell: bool = True) -> Scene:
    """Open a scene so that it fits a bundle.

    What the file does not say of itself is read as in training, and that is told if wished: nodata
    and quality always, scales and the like where it would not fit otherwise.

    Raises
    ------
    BundleError
        Bands, units or resolution do not fit.
    """
    bare = _try(path, None, bundle)
    scene, used = _filled(bare, _hints(bare, bundle), path, bundle)
    if isinstance(scene, CovermapError):
        raise scene
    if used and tell:
        shown = ", ".join(_shown(key, value) for key, value in used.items())
        say(f"{path.name}: read as the training imagery was ({shown})")
    return _told(scene, bundle) if tell else scene


def _hints(bare: Scene | CovermapError, bundle: Bundle) -> dict[str, Any]:
    """What is known from training and may be missing in a file."""
    hints = bundle.imagery
    if isinstance(bare, CovermapError) or _says_little(bare, bundle):
        return hints
    kept: dict[str, Any] = {key: hints[key] for key in ("nodata", "quality") if key in hints}
    number = (hints.get("quality") or {}).get("band")
    if isinstance(number, int) and f"band_{number}" not in {band.name for band in bare.bands}:
        # A file that names its bands may have them in another order.
        kept.pop("quality")
    if isinstance(kept.get("nodata"), list) and "bands" in hints:
        # One number for each of these bands.
        kept["bands"] = hints["bands"]
    return kept


def _filled(
    bare: Scene | CovermapError, hints: dict[str, Any], path: Path, bundle: Bundle
) -> tuple[Scene | CovermapError, dict[str, Any]]:
    """A scene with those hints that it needs and that fit it, and which they are."""

    def tried(wanted: dict[str, Any]) -> Scene | CovermapError:
        return _try(path, parse(ImagerySettings, {"path": str(path), **wanted}, str(path)), bundle)

    scene, used = bare, dict[str, Any]()
    for without in ({"nodata"}, {"nodata", "quality"}):
        wanted = {key: value for key, value in hints.items() if key not in without}
        if wanted.keys() <= {"bands"} and not isinstance(bare, CovermapError):
            break
        described = tried(wanted)
        if not isinstance(described, CovermapError):
            scene, used = described, wanted
            break
    if "nodata" in hints and not isinstance(scene, CovermapError) and not _states_nodata(scene):
        wanted = {key: value for key, value in hints.items() if key != "quality" or key in used}
        described = tried(wanted)
        if not isinstance(described, CovermapError):
            scene, used = described, wanted
    return scene, used


def _states_nodata(scene: Scene) -> bool:
    """Whether files say where there is nothing: by a number, a mask or an alpha band."""
    return any(
        source.nodata or source.mask != "none" for item in _parts(scene) for source in item.sources
    )


def _parts(scene: Scene) -> tuple[FileScene, ...]:
    if isinstance(scene, StackScene):
        return scene.dates
    if isinstance(scene, MosaicScene):
        return scene.tiles
    return (scene,) if isinstance(scene, FileScene) else ()


def _shown(key: str, value: Any) -> str:
    return f"{key} of {value.get('band', 'its layer')}" if key == "quality" else f"{key} {value}"


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
