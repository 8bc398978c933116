"""The split of a run as the report shows it: which ground of which scene taught or tested."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox

from covermap.chips.audit import Audit
from covermap.chips.ground import Ground
from covermap.chips.regions import Regions
from covermap.core.files import read_json
from covermap.core.grid import Window, window_geobox
from covermap.imagery.raster import Scene
from covermap.labels.polygons import Polygons
from covermap.mapping.preview import quicklook
from covermap.report.content import SceneParts, SplitMap
from covermap.verbs.workspace import Workspace

if TYPE_CHECKING:
    import geopandas as gpd

_MOST_SCENES = 12
_SIDE, _SMALL_SIDE = 1000, 320


def split_map(workspace: Workspace, chips: gpd.GeoDataFrame) -> SplitMap:
    """Blocks, polygons or whole scenes by part; of many scenes some of each part."""
    shown = _shown_scenes(workspace, chips)
    side = _SIDE if len(shown) == 1 else _SMALL_SIDE
    found = Audit.from_dict(read_json(workspace.folder.path / "audit.json"))
    return SplitMap(
        scenes=tuple(_scene_parts(workspace, chips, scene, part, side) for scene, part in shown),
        more=len(workspace.scenes) - len(shown),
        counts=_counts(workspace, chips),
        audit=tuple(found.lines()),
    )


def _shown_scenes(workspace: Workspace, chips: gpd.GeoDataFrame) -> list[tuple[Scene, str | None]]:
    """Scenes to show, each with the part that it belongs to as a whole."""
    if workspace.split.ground.kind != "scenes":
        used = set(chips["scene"])
        ordered = sorted(workspace.scenes, key=lambda scene: scene.name not in used)
        return [(scene, None) for scene in ordered[:_MOST_SCENES]]
    part_of = dict(zip(chips["scene"], chips["split"], strict=True))
    of_part: dict[str, list[tuple[Scene, str | None]]] = {}
    for scene in workspace.scenes:
        if scene.name in part_of:
            part = part_of[scene.name]
            of_part.setdefault(part, []).append((scene, part))
    # Some of each part, however few it has.
    in_turn = itertools.chain.from_iterable(itertools.zip_longest(*of_part.values()))
    chosen = [item for item in in_turn if item is not None][:_MOST_SCENES]
    order = workspace.split.ground.parts
    return sorted(chosen, key=lambda item: order.index(item[1]) if item[1] in order else len(order))


def _scene_parts(
    workspace: Workspace, chips: gpd.GeoDataFrame, scene: Scene, part: str | None, side: int
) -> SceneParts:
    box = scene.geobox.boundingbox
    parts = [] if part is not None else _drawn_parts(workspace, chips, scene)
    picture = quicklook(scene, side)
    height, width = scene.geobox.shape
    # From a pixel of the picture to one of the scene, and from there to the ground.
    to_scene = Affine.scale(width / picture.shape[1], height / picture.shape[0])
    return SceneParts(
        name=scene.name,
        background=picture,
        grid=tuple(scene.geobox.affine @ to_scene)[:6],
        extent=(box.left, box.right, box.bottom, box.top),
        parts=tuple((name, _rings(shapes)) for name, shapes in parts if shapes),
        whole=part,
    )


def _drawn_parts(
    workspace: Workspace, chips: gpd.GeoDataFrame, scene: Scene
) -> list[tuple[str, list[Any]]]:
    ground, labels = workspace.split.ground, workspace.labels
    if ground.kind == "polygons" and isinstance(labels, Polygons):
        geometry = labels.on(scene.geobox).geometry
        here = geometry.intersects(shapely.box(*scene.geobox.boundingbox.bbox)).to_numpy()
        owner = ground.part_of_source[:-1]
        return [
            (part, list(geometry[here & (owner == code)])) for code, part in enumerate(ground.parts)
        ]
    if ground.kind == "regions" and ground.regions is not None:
        # Chips reach across borders of regions and blocks; their ground does not.
        return _region_parts(ground.regions, ground.parts, scene)
    if ground.origin is not None and scene.geobox.crs is not None and ground.blocks:
        return _block_parts(ground, ground.origin, scene)
    own = chips[chips["scene"] == scene.name]
    return [
        (
            part,
            [
                window_geobox(scene.geobox, window).extent.geom
                for window in _windows(own[own["split"] == part])
            ],
        )
        for part in ground.parts
    ]


def _region_parts(
    regions: Regions, parts: tuple[str, ...], scene: Scene
) -> list[tuple[str, list[Any]]]:
    frame = shapely.box(*scene.geobox.boundingbox.bbox)
    shapes = shapely.intersection(regions.in_crs(str(scene.geobox.crs)), frame)
    owner = regions.part_of[regions.region_of]
    here = ~shapely.is_empty(shapes)
    return [(part, list(shapes[here & (owner == code)])) for code, part in enumerate(parts)]


def _block_parts(ground: Ground, origin: GeoBox, scene: Scene) -> list[tuple[str, list[Any]]]:
    """The blocks of the lattice that lie on a scene, cut to it."""
    side, frame = ground.block_px, shapely.box(*scene.geobox.boundingbox.bbox)
    found: list[tuple[str, list[Any]]] = [(part, []) for part in ground.parts]
    corners = scene.geobox.extent.to_crs(origin.crs).boundingbox.bbox
    cols, rows = zip(*(~origin.affine @ (x, y) for x in corners[::2] for y in corners[1::2]),
                     strict=True)  # fmt: skip
    for (row, col), (code, _) in ground.blocks.items():
        near = min(rows) - side < row * side < max(rows)
        if code < 0 or not near or not min(cols) - side < col * side < max(cols):
            continue
        block = window_geobox(origin, Window(row * side, col * side, side, side)).extent
        shape = block.to_crs(scene.geobox.crs).geom.intersection(frame)
        if shape.area > 0:
            found[code][1].append(shape)
    return found


def _counts(workspace: Workspace, chips: gpd.GeoDataFrame) -> tuple[tuple[str, int], ...]:
    """How many polygons, blocks, scenes or regions each part has."""
    ground = workspace.split.ground
    if ground.kind == "polygons":
        owner = ground.part_of_source[:-1]
        counts = [(part, int((owner == code).sum())) for code, part in enumerate(ground.parts)]
    elif ground.kind == "regions" and ground.regions is not None:
        owner = ground.regions.part_of
        counts = [(part, int((owner == code).sum())) for code, part in enumerate(ground.parts)]
    elif ground.blocks:
        codes = [code for code, _ in ground.blocks.values()]
        counts = [(part, codes.count(code)) for code, part in enumerate(ground.parts)]
    else:
        rows = {part: chips[chips["split"] == part] for part in ground.parts}
        counts = [
            (part, own["scene"].nunique() if ground.kind == "scenes" else len(own))
            for part, own in rows.items()
        ]
    return tuple((part, count) for part, count in counts if count)


def _windows(rows: gpd.GeoDataFrame) -> list[Window]:
    columns = ("row_off", "col_off", "height", "width")
    return [
        Window(*(int(v) for v in values))
        for values in zip(*(rows[c] for c in columns), strict=True)
    ]


def _rings(shapes: list[Any]) -> list[np.ndarray]:
    rings = []
    for shape in shapes:
        for part in getattr(shape, "geoms", [shape]):
            if part.geom_type == "Polygon":
                rings.append(np.asarray(part.exterior.coords)[:, :2])
    return rings
