"""The map that is at a place already: whether it is the one that is wanted, and why not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from covermap.mapping.own_files import is_own_raster, tags_of
from covermap.mapping.writing import Layer

# Tags of a file: the digest of all that its bytes depend on, and the tiles that it came to when
# memory ran out.
MADE_OF = "made_of"
SIZES = "sizes"


def is_there(layers: Sequence[Layer], tags: Mapping[str, str]) -> bool:
    """Whether all rasters of a map have their final names and were made of the same.

    Parameters
    ----------
    layers : sequence of Layer
    tags : mapping
        Of the map that is wanted; without a digest no map is taken for it.
    """
    if not tags.get(MADE_OF):
        return False
    return all(tags.items() <= tags_of(layer.path).items() for layer in layers)


def why_again(path: Path, tags: Mapping[str, str]) -> str:
    """Why the map at `path` is not the one that is wanted; empty where there is none of ours."""
    if not is_own_raster(path):
        return ""
    old = tags_of(path)
    if old.get("inputs") != tags.get("inputs"):
        return "scene or model changed, or how the scene is read"
    if old.get("software") != tags["software"]:
        return f"it is by {old['software']}"
    if any(old.get(name) != tags[name] for name in ("engine", "precision")):
        return f"it was computed by {old.get('engine')} in {old.get('precision')}"
    if old.get(MADE_OF) != tags.get(MADE_OF):
        return "it was made with other settings"
    return "not all of its files are there"


def sizes_of(path: Path, key: str) -> dict[str, Any]:
    """The tiles that the finished map of a key came to when memory ran out; empty otherwise."""
    tags = tags_of(path)
    if not key or tags.get("inputs") != key:
        return {}
    try:
        sizes = json.loads(tags.get(SIZES, "{}"))
    except ValueError:
        return {}
    return sizes if isinstance(sizes, dict) else {}
