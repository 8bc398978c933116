"""From an entry of `imagery:` in a project to scenes."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from covermap.core.errors import ImageryError
from covermap.core.files import matching
from covermap.imagery.assembly import assembled
from covermap.imagery.folders import found_in_files, opaque
from covermap.imagery.found import Found
from covermap.imagery.headers import (
    SUFFIXES,
    ImageHeader,
    moment_in,
    read_header,
)
from covermap.imagery.mosaic import joined
from covermap.imagery.products import found_in_folder
from covermap.imagery.raster import Scene
from covermap.imagery.settings import ImagerySettings
from covermap.imagery.stack import DatedScene, stacked


def open_scenes(settings: ImagerySettings, base: Path) -> list[Scene]:
    """The scenes of one entry of a project's imagery.

    Parameters
    ----------
    settings : ImagerySettings
    base : Path
        Folder that relative paths start from.

    Raises
    ------
    ImageryError
        Nothing is there, a file is damaged, or settings and files do not fit.
    """
    found = _found(settings, base)
    masks = _quality_files(settings, base)
    scenes = [
        assembled(item, _named(settings, len(found), item), _mask_of(item, masks, len(found)))
        for item in found
    ]
    if settings.stack == "dates":
        dated = [
            DatedScene(_moment_text(item), scene) for item, scene in zip(found, scenes, strict=True)
        ]
        return [stacked(dated, settings.name, settings.min_dates, settings.max_invalid)]
    return list(joined(scenes)) if settings.join else list(scenes)


def open_scene(path: str | Path, settings: ImagerySettings | None = None) -> Scene:
    """The one scene at a path: a file, folder, or glob of files that form one scene.

    Parameters
    ----------
    path : str or Path
    settings : ImagerySettings, optional
        What the files do not say themselves; its own `path` is not used.

    Raises
    ------
    ImageryError
        As `open_scenes`, or there are several scenes.
    """
    return the_one(path, scenes_at(path, settings))


def scenes_at(path: str | Path, settings: ImagerySettings | None = None) -> list[Scene]:
    """The scenes at a path: a file, folder, or glob.

    Parameters
    ----------
    path : str or Path
    settings : ImagerySettings, optional
        What the files do not say themselves; its own `path` is not used.

    Raises
    ------
    ImageryError
        As `open_scenes`.
    """
    if settings is None:
        chosen = ImagerySettings(path=str(path))
    else:
        chosen = settings.model_copy(update={"path": str(path)})
    return open_scenes(chosen, Path())


def the_one(path: str | Path, scenes: Sequence[Scene]) -> Scene:
    """The only one of the scenes at a path.

    Raises
    ------
    ImageryError
        There are several.
    """
    if len(scenes) > 1:
        names = ", ".join(scene.name for scene in scenes[:3])
        raise ImageryError(
            f"{path}: holds {len(scenes)} scenes ({names}, ...), expected one. Give the path of "
            f"one of them; in a project list them as "
            "entries of imagery:, or write stack: dates for dates of one place"
        )
    return scenes[0]


def _found(settings: ImagerySettings, base: Path) -> list[Found]:
    paths = _expanded(settings.paths, base)
    found: list[Found] = []
    files = [path for path in paths if path.is_file()]
    for path in paths:
        if path.is_dir():
            found += found_in_folder(path)
    if files:
        named = {base / Path(pattern).expanduser() for pattern in settings.paths}
        found += found_in_files(files, named)
    wanted = len(settings.bands or [])
    return [
        opaque(item) if wanted == len(item.bands) + 1 and _has_alpha(item) else item
        for item in found
    ]


def _has_alpha(item: Found) -> bool:
    return all(band.alpha is not None for band in item.bands)


def _expanded(patterns: Sequence[str], base: Path) -> list[Path]:
    """Files and folders of paths and globs, each once, in the order given, globs by name."""
    paths: dict[Path, None] = {}
    for pattern in patterns:
        if "://" in pattern:
            raise ImageryError(
                f"{pattern}: is an address, and files are read from a disk; fetch it first and "
                "give its path"
            )
        path = base / Path(pattern).expanduser()
        if path.exists():
            paths[path] = None
            continue
        if not glob.has_magic(pattern):
            raise ImageryError(f"{path}: no such file or folder; {_neighbours(path)}")
        # An ending that is written out is meant, whatever it is; `*` takes no world files along.
        ending = path.suffix.lower()
        kinds = SUFFIXES if glob.has_magic(ending) else (*SUFFIXES, ending)
        matches = [
            item
            for item in matching(pattern, base)
            if item.is_dir() or (item.suffix and item.suffix.lower() in kinds)
        ]
        if not matches:
            raise ImageryError(f"{path}: no image matches this pattern; {_neighbours(path)}")
        paths.update(dict.fromkeys(matches))
    return list(paths)


def _neighbours(path: Path) -> str:
    if not path.parent.is_dir():
        return f"the folder {path.parent} does not exist either"
    names = sorted(item.name for item in path.parent.iterdir() if not item.name.startswith("."))
    shown = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
    return f"in that folder: {shown}" if names else "that folder is empty"


def _named(settings: ImagerySettings, count: int, item: Found) -> ImagerySettings:
    """Settings for one scene of several: a given name becomes a prefix."""
    if settings.name is None or count == 1:
        return settings
    return settings.model_copy(update={"name": f"{settings.name}-{item.name}"})


def _quality_files(settings: ImagerySettings, base: Path) -> list[ImageHeader]:
    quality = settings.quality
    if quality is None or quality.path is None:
        return []
    patterns = [quality.path] if isinstance(quality.path, str) else quality.path
    paths = [path for path in _expanded(patterns, base) if path.is_file()]
    if not paths:
        raise ImageryError(f"quality: path: {patterns[0]} is a folder; expected a file or glob")
    return [read_header(path) for path in paths]


def _mask_of(item: Found, masks: Sequence[ImageHeader], scenes: int) -> ImageHeader | None:
    if not masks:
        return None
    if len(masks) == 1 and scenes == 1:
        return masks[0]
    wanted = _moment_token(item)
    fitting = [mask for mask in masks if wanted and _token_in(mask.path.stem) == wanted]
    if len(fitting) != 1:
        raise ImageryError(
            f"{item.name}: quality: {len(fitting)} of {len(masks)} mask files carry its date and "
            f"time ({wanted or 'its name holds none'}); expected one, such as "
            "CLM_20180713T100008.tif for NDVI_20180713T100008.tif"
        )
    return fitting[0]


def _moment_token(item: Found) -> str | None:
    return _token_in(item.name) or _token_in(item.bands[0].header.path.stem)


def _token_in(text: str) -> str | None:
    moment = moment_in(text)
    return None if moment is None else moment.strftime("%Y%m%dT%H%M%S")


def _moment_text(item: Found) -> str:
    token = _moment_token(item)
    if token is not None:
        return token
    if item.date is None:
        raise ImageryError(
            f"{item.bands[0].header.path}: stack: dates needs a date for each file, but neither "
            "its name (such as ..._20180713.tif) nor its tag 'datetime' has one"
        )
    return item.date.strftime("%Y%m%dT000000")
