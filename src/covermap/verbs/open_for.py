"""Scenes that a bundle maps, opened so that they fit it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

from covermap.bundle.facts import Bundle
from covermap.bundle.fit import check_fits
from covermap.core.errors import BundleError, CovermapError, ImageryError, listed
from covermap.core.grid import pixel_size_m
from covermap.core.progress import say
from covermap.core.settings import parse
from covermap.imagery.file_scene import FileScene
from covermap.imagery.mosaic import MosaicScene
from covermap.imagery.opening import scenes_at, the_one
from covermap.imagery.raster import Scene
from covermap.imagery.settings import ImagerySettings
from covermap.imagery.stack import StackScene

# The scenes of a path, or why there are none that fit.
Opened: TypeAlias = "tuple[Scene, ...] | CovermapError"

_MOST_NAMES = 3


class Notes:
    """What is to be told of scenes that were opened: each note once, of however many scenes."""

    def __init__(self) -> None:
        self._names: dict[str, list[str]] = {}

    def add(self, name: str, note: str) -> None:
        """Keep a note on the scene, or file, of a name."""
        self._names.setdefault(note, []).append(name)

    def tell(self) -> None:
        """Say each note with the names that it is of."""
        for note, names in self._names.items():
            say(f"{listed(names, _MOST_NAMES)}: {note}")


def open_all_for(bundle: Bundle, path: Path, notes: Notes) -> tuple[Scene, ...]:
    """Open the scenes of a file, folder or glob so that they fit a bundle.

    What the files do not say of themselves is read as in training, and that is noted: nodata and
    quality always, scales and the like where they would not fit otherwise.

    Raises
    ------
    BundleError
        Bands, units or resolution do not fit.
    ImageryError
        Nothing is there, or a file is damaged.
    """
    bare = _try(path, None, bundle)
    scenes, used = _filled(bare, _hints(bare, bundle), path, bundle)
    if isinstance(scenes, CovermapError):
        raise scenes
    shown = ", ".join(_shown(key, value) for key, value in used.items() if key != "join")
    if shown:
        notes.add(path.name, f"read as the training imagery was ({shown})")
    for scene in scenes:
        _note(scene, bundle, notes)
    return scenes


def open_for(bundle: Bundle, path: Path, tell: bool = True) -> Scene:
    """The same where one scene is expected; its notes are told if wished.

    Raises
    ------
    BundleError
        Bands, units or resolution do not fit.
    ImageryError
        As `open_all_for`, or there are several scenes.
    """
    notes = Notes()
    scenes = open_all_for(bundle, path, notes)
    if tell:
        notes.tell()
    return the_one(path, scenes)


def _hints(bare: Opened, bundle: Bundle) -> dict[str, Any]:
    """What is known from training and may be missing in a file."""
    hints = bundle.imagery
    if isinstance(bare, CovermapError) or any(_says_little(scene, bundle) for scene in bare):
        return hints
    kept: dict[str, Any] = {key: hints[key] for key in ("nodata", "quality") if key in hints}
    number = (hints.get("quality") or {}).get("band")
    if isinstance(number, int) and f"band_{number}" not in _band_names(bare):
        # A file that names its bands may have them in another order.
        kept.pop("quality")
    if isinstance(kept.get("nodata"), list) and "bands" in hints:
        # One number for each of these bands.
        kept["bands"] = hints["bands"]
    return kept


def _filled(
    bare: Opened, hints: dict[str, Any], path: Path, bundle: Bundle
) -> tuple[Opened, dict[str, Any]]:
    """Scenes with those hints that they need and that fit them, and which they are."""

    def tried(wanted: dict[str, Any]) -> Opened:
        return _try(path, parse(ImagerySettings, {"path": str(path), **wanted}, str(path)), bundle)

    scenes, used = bare, dict[str, Any]()
    for without in ({"nodata"}, {"nodata", "quality"}):
        wanted = {key: value for key, value in hints.items() if key not in without}
        if wanted.keys() <= {"bands"} and not isinstance(bare, CovermapError):
            break
        described = tried(wanted)
        if not isinstance(described, CovermapError):
            scenes, used = described, wanted
            break
        if "stack" in hints and isinstance(scenes, CovermapError):
            # Dates one by one lack what only their stack can have: that says nothing.
            scenes = described
    if "nodata" not in hints or isinstance(scenes, CovermapError):
        return scenes, used
    if not all(_states_nodata(scene) for scene in scenes):
        wanted = {key: value for key, value in hints.items() if key != "quality" or key in used}
        described = tried(wanted)
        if not isinstance(described, CovermapError):
            scenes, used = described, wanted
    return scenes, used


def _band_names(scenes: tuple[Scene, ...]) -> set[str]:
    """Names of the bands that all scenes have."""
    return set.intersection(*({band.name for band in scene.bands} for scene in scenes))


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
    if key == "quality":
        return f"{key} of {value.get('band', 'its layer')}"
    return f"{key} {', '.join(map(str, value)) if isinstance(value, list) else value}"


def _try(path: Path, settings: ImagerySettings | None, bundle: Bundle) -> Opened:
    try:
        scenes = scenes_at(path, settings)
        for scene in scenes:
            check_fits(bundle, scene)
    except (BundleError, ImageryError) as error:
        return error
    return tuple(scenes)


def _says_little(scene: Scene, bundle: Bundle) -> bool:
    """True where plain numbers would be read without the nodata and scale known from training."""
    names = [channel.name for channel in bundle.channels]
    return any(band.unit == "dn" for band in scene.describe(names))


def _note(scene: Scene, bundle: Bundle, notes: Notes) -> None:
    for note in scene.notes:
        notes.add(scene.name, note)
    if bundle.resolution_m is None and scene.geobox.crs is not None:
        notes.add(
            scene.name,
            "the model learnt from pictures without a CRS; whether their pixels were as large as "
            f"these, {pixel_size_m(scene.geobox):.3g} m, cannot be checked",
        )
