"""A decided split as a file, so that every later step stands on the same one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from covermap.chips.ground import Frame, Ground
from covermap.chips.parts import Split, Training
from covermap.chips.regions import Regions
from covermap.core.files import read_json, write_json
from covermap.labels.top_classes import TopClasses


def write_split(path: Path, split: Split) -> None:
    """Write a split as JSON."""
    ground = split.ground
    write_json(
        path,
        {
            "scheme": split.scheme,
            "at_random": split.at_random,
            "assessed": list(split.assessed),
            "reasons": list(split.reasons),
            "top_classes": None if split.top_classes is None else split.top_classes.to_dict(),
            "trainings": [
                {
                    "name": item.name,
                    "train": list(item.train),
                    "validate": list(item.validate),
                    "score": list(item.score),
                }
                for item in split.trainings
            ],
            "ground": {
                "kind": ground.kind,
                "parts": list(ground.parts),
                "buffer_px": ground.buffer_px,
                "buffer_m": ground.buffer_m,
                "block_px": ground.block_px,
                "origin": None if ground.origin is None else _geobox_to_dict(ground.origin),
                "blocks": [[*key, *value] for key, value in ground.blocks.items()],
                "part_of_source": ground.part_of_source.tolist(),
                "group_of_source": ground.group_of_source.tolist(),
                "scenes": {name: list(value) for name, value in ground.scenes.items()},
                "frames": {
                    name: {"grid": _geobox_to_dict(frame.grid), "first_row": frame.first_row}
                    for name, frame in ground.frames.items()
                },
                "regions": None if ground.regions is None else _regions_to_dict(ground.regions),
            },
        },
    )


def read_split(path: Path) -> Split:
    """Read what `write_split` wrote."""
    content = read_json(path)
    ground, top = content["ground"], content["top_classes"]
    return Split(
        scheme=content["scheme"],
        ground=Ground(
            kind=ground["kind"],
            parts=tuple(ground["parts"]),
            buffer_px=int(ground["buffer_px"]),
            blocks={(row, col): (part, group) for row, col, part, group in ground["blocks"]},
            origin=None if ground["origin"] is None else _geobox_from_dict(ground["origin"]),
            block_px=int(ground["block_px"]),
            part_of_source=np.asarray(ground["part_of_source"], dtype=np.int16),
            group_of_source=np.asarray(ground["group_of_source"], dtype=np.int32),
            scenes={name: (part, group) for name, (part, group) in ground["scenes"].items()},
            frames={
                name: Frame(_geobox_from_dict(item["grid"]), int(item["first_row"]))
                for name, item in ground["frames"].items()
            },
            regions=None if ground["regions"] is None else _regions_from_dict(ground["regions"]),
            # A split of a version that knew pixels alone has none.
            buffer_m=ground.get("buffer_m"),
        ),
        trainings=tuple(
            Training(
                item["name"], tuple(item["train"]), tuple(item["validate"]), tuple(item["score"])
            )
            for item in content["trainings"]
        ),
        assessed=tuple(content["assessed"]),
        reasons=tuple(content["reasons"]),
        top_classes=None if top is None else TopClasses.from_dict(top),
        at_random=bool(content["at_random"]),
    )


def _regions_to_dict(regions: Regions) -> dict[str, Any]:
    import shapely

    return {
        "shapes": shapely.to_wkb(regions.shapes, hex=True).tolist(),
        "crs": regions.crs,
        "region_of": regions.region_of.tolist(),
        "part_of": regions.part_of.tolist(),
    }


def _regions_from_dict(content: dict[str, Any]) -> Regions:
    import shapely

    return Regions(
        np.asarray(shapely.from_wkb(content["shapes"]), dtype=object),
        content["crs"],
        np.asarray(content["region_of"], dtype=np.int32),
        np.asarray(content["part_of"], dtype=np.int16),
    )


def _geobox_to_dict(geobox: GeoBox) -> dict[str, Any]:
    return {
        "shape": [int(n) for n in geobox.shape],
        "affine": list(geobox.affine)[:6],
        "crs": None if geobox.crs is None else geobox.crs.to_wkt(),
    }


def _geobox_from_dict(content: dict[str, Any]) -> GeoBox:
    return GeoBox(tuple(content["shape"]), Affine(*content["affine"]), content["crs"])
