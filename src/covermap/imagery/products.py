"""Which product a folder is, and the scenes in it."""

from __future__ import annotations

from pathlib import Path

from covermap.core.errors import ImageryError
from covermap.core.files import UNPACK_IT, looks_like_archive
from covermap.imagery.folders import (
    calibrated_by,
    found_in_files,
    images_in,
    stac_item_in,
)
from covermap.imagery.found import Found
from covermap.imagery.landsat import found_in_landsat, is_landsat
from covermap.imagery.safe import found_in_safe, is_safe

# A folder's own products first; a new product is one line here and one file beside this one.
PRODUCTS = (
    (is_safe, found_in_safe),
    (is_landsat, found_in_landsat),
)
# Files of polygons or points that lie where images are looked for.
_DRAWN = frozenset({".shp", ".gpkg", ".geojson", ".fgb", ".kml"})


def found_in_folder(folder: Path) -> list[Found]:
    """The scenes of a folder: a product, files with one band each, images, or folders of these.

    Raises
    ------
    ImageryError
        Nothing in it is an image.
    """
    for recognises, found_in in PRODUCTS:
        if recognises(folder):
            return found_in(folder)
    images = images_in(folder)
    if images:
        return _found_among(folder, images)
    scenes = [
        found
        for child in sorted(path for path in folder.iterdir() if path.is_dir())
        if not child.name.startswith(".") and _holds_images(child)
        for found in found_in_folder(child)
    ]
    if not scenes:
        raise ImageryError(
            f"{folder}: no image in this folder. Expected GeoTIFFs or other images, a Sentinel-2 "
            f"SAFE folder or a Landsat Collection 2 folder{_held_instead(folder)}"
        )
    return scenes


def _held_instead(folder: Path) -> str:
    """What to say of a file in a folder that is no image but may have been meant."""
    held = sorted(folder.iterdir())
    packed = next((item for item in held if looks_like_archive(item)), None)
    if packed is not None:
        return f"; {packed.name} is {UNPACK_IT}"
    drawn = next((item for item in held if item.suffix.lower() in _DRAWN), None)
    return "" if drawn is None else f"; {drawn.name} holds drawings: give that file itself"


def _found_among(folder: Path, images: list[Path]) -> list[Found]:
    scenes = found_in_files(images, folder=folder)
    if not scenes:
        raise ImageryError(f"{folder}: only quick-looks or quality layers in this folder, no band")
    item = stac_item_in(folder)
    if item is not None and len(scenes) == 1:
        return [calibrated_by(item, scenes[0])]
    return scenes


def _holds_images(folder: Path) -> bool:
    if any(recognises(folder) for recognises, _ in PRODUCTS):
        return True
    return bool(images_in(folder)) or any(
        is_safe(child) or is_landsat(child) for child in folder.iterdir() if child.is_dir()
    )
