"""An earlier split kept: its ground stays in its parts, and only new ground is assigned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from odc.geo.geobox import GeoBox

from covermap.chips.assign import assign
from covermap.chips.ground import ANY_PART, NO_PART, Ground, part_at_home
from covermap.chips.parts import (
    Split,
    SplitCase,
    assessed_by_fold,
    assessed_by_holdout,
)
from covermap.chips.settings import SplitSettings
from covermap.chips.split_blocks import Blocks
from covermap.chips.split_file import read_split
from covermap.chips.split_polygons import (
    counts_of_polygons,
    drawn_labels,
    ground_of_polygons,
    groups_on_ground,
    same_ground,
)
from covermap.chips.split_random import home_at_random
from covermap.chips.split_regions import counts_by_region
from covermap.chips.split_scenes import counts_by_group, scene_groups
from covermap.chips.table import read_chips
from covermap.core.common_ground import reaches_into, shape_on
from covermap.core.errors import CovermapError, SplitError, listed
from covermap.core.grid import Window, window_geobox
from covermap.core.place import place_of
from covermap.imagery.raster import Scene

if TYPE_CHECKING:
    import geopandas as gpd
    from shapely.geometry.base import BaseGeometry

# Stands for new ground that lies on several parts, and must be in none.
_OUT = -2
# Share of an earlier chip that its window still shows: a footprint is known to half a pixel.
_SAME_PLACE = 0.9
_NAMED = 3


def split_kept(case: SplitCase) -> Split:
    """The split of an earlier run, grown by the ground that is new.

    Raises
    ------
    SplitError
        The earlier run cannot be read, or stands on other labels; or fewer than two classes can be
        assessed.
    """
    chips, old = _earlier(case)
    return _KINDS[old.ground.kind](case, chips, old)


def kept_files(settings: SplitSettings, base: Path) -> list[Path]:
    """The files of the earlier run; a split depends on them."""
    if settings.keep is None:
        return []
    return [base / settings.keep, (base / settings.keep).with_name("split.json")]


def _earlier(case: SplitCase) -> tuple[Path, Split]:
    path, split_path = kept_files(case.settings, case.base)
    for file in (path, split_path):
        if not file.exists():
            raise SplitError(
                f"{file}: no such file; split: keep takes the chips.parquet of an earlier run, "
                "with its split.json beside it"
            )
    try:
        return path, read_split(split_path)
    except (CovermapError, KeyError, TypeError, ValueError) as error:
        raise SplitError(f"{split_path}: not readable as a split ({error})") from None


def _grown(
    case: SplitCase,
    old: Split,
    counts: np.ndarray,
    given: np.ndarray,
    unit: str,
    ground_of: Callable[[np.ndarray], Ground],
) -> Split:
    """The old trainings on grown ground.

    `counts` (G, K) are pixels by group and class, `given` (G,) the part that a group has already,
    -1 for a new one, -2 for one that must stay out.
    """
    parts, names = old.ground.parts, case.labels.legend.names
    codes = _codes(case, old, counts, given)
    if old.scheme == "kfold":
        assessed = assessed_by_fold(counts, codes, names, len(parts) - 1)
    else:
        assessed = assessed_by_holdout(counts, codes, names)
    kept = int(((given >= 0) & (counts.sum(axis=1) > 0)).sum())
    new = codes[(given == NO_PART) & (codes != NO_PART)]
    dealt = ", ".join(f"{int((new == code).sum())} {part}" for code, part in enumerate(parts))
    reasons = [f"{kept} {unit} kept their parts", f"{len(new)} new {unit}: {dealt}"]
    out = int((given == _OUT).sum())
    if out:
        reasons.append(
            f"{out} new {unit} lie on ground of several parts, and their labels are not used"
        )
    ground = ground_of(codes)
    return Split(
        old.scheme, ground, old.trainings, assessed, tuple(reasons), at_random=old.at_random
    )


def _codes(case: SplitCase, old: Split, counts: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Part of each group, int16 (G,): the given one, or one for new ground; -1 without labels."""
    share = case.settings.fractions
    folds = len(old.ground.parts) - 1
    kfold = old.scheme == "kfold"
    fractions = (1 / folds,) * folds if kfold else (share.train, share.val, share.test)
    codes = np.maximum(given, NO_PART).astype(np.int16)
    # What teaches in every fold is in no fold, and weighs in none.
    dealt = (counts.sum(axis=1) > 0) & (given != _OUT) & (given < len(fractions))
    if (given[dealt] == NO_PART).any():
        codes[dealt] = assign(counts[dealt], fractions, case.seed, given=given[dealt])
    return codes


def _blocks(case: SplitCase, chips: Path, old: Split) -> Split:
    ground = old.ground
    buffer = max(ground.buffer_on(scene.geobox) for scene in case.scenes)
    blocks = Blocks.of(case, ground.block_px, buffer, ground)
    home = home_at_random(case, blocks) if old.at_random else blocks.home()
    keys = [(int(row), int(col)) for row, col in blocks.keys]
    given = np.asarray([ground.blocks.get(key, (NO_PART, 0))[0] for key in keys])
    first = 1 + max((group for _, group in ground.blocks.values()), default=-1)

    def grown(codes: np.ndarray) -> Ground:
        table = dict(ground.blocks)
        for number, (key, code) in enumerate(zip(keys, codes, strict=True)):
            if table.get(key, (NO_PART, 0))[0] == NO_PART:
                table[key] = (int(code), first + number)
        return replace(
            ground,
            blocks=table,
            origin=blocks.origin,
            frames=blocks.frames,
            part_of_source=part_at_home(home, codes),
            group_of_source=np.full(len(home), -1, dtype=np.int32),
        )

    counts = blocks.counts.counting(home, len(case.labels.legend))
    return _grown(case, old, counts, given, "blocks", grown)


def _regions(case: SplitCase, chips: Path, old: Split) -> Split:
    ground = old.ground
    assert ground.regions is not None
    regions = ground.regions
    counts, home, _ = counts_by_region(case, regions)

    def grown(codes: np.ndarray) -> Ground:
        return replace(
            ground,
            regions=replace(regions, part_of=codes, _by_crs={}),
            part_of_source=part_at_home(home, codes),
            group_of_source=np.full(len(home), -1, dtype=np.int32),
        )

    return _grown(case, old, counts, regions.part_of, "regions", grown)


def _scenes(case: SplitCase, chips: Path, old: Split) -> Split:
    """Scenes known by name keep their part; new ones take that of the ground that they show."""
    ground = old.ground
    table = read_chips(chips)
    moved = _moved(case.scenes, table)
    known = np.asarray(
        [
            NO_PART if scene.name in moved else ground.scenes.get(scene.name, (NO_PART, 0))[0]
            for scene in case.scenes
        ]
    )
    given = _given_by_ground(case, table, ground, known)
    together = scene_groups(case.scenes, join=True)
    # New scenes that overlap are one group; all others are groups of their own.
    number = len(case.scenes)
    key = np.where(given == NO_PART, together, number + np.arange(number))
    groups = np.unique(key, return_inverse=True)[1]
    given_of = np.full(int(groups.max()) + 1, NO_PART)
    given_of[groups] = given
    first = 1 + max((group for _, group in ground.scenes.values()), default=-1)

    def grown(codes: np.ndarray) -> Ground:
        table = dict(ground.scenes)
        for scene, was, group in zip(case.scenes, known, groups, strict=True):
            if was == NO_PART:
                table[scene.name] = (int(codes[group]), first + int(group))
        return replace(
            ground,
            scenes=table,
            part_of_source=np.full(case.labels.sources + 1, ANY_PART, dtype=np.int16),
            group_of_source=np.full(case.labels.sources + 1, -1, dtype=np.int32),
        )

    counts = counts_by_group(case, groups)
    split = _grown(case, old, counts, given_of, "scenes or groups of them", grown)
    if not moved:
        return split
    note = f"{listed(moved, _NAMED)}: not where the earlier scene of that name was, so taken as new"
    return replace(split, reasons=(*split.reasons, note))


def _moved(scenes: Sequence[Scene], table: gpd.GeoDataFrame) -> list[str]:
    """Names of scenes that lie elsewhere than when earlier chips were planned.

    Tiles are numbered anew in every export: another place is other ground, whatever its name.
    """
    import shapely

    first = table[table.geometry.notna()].drop_duplicates("scene").set_index("scene")
    moved = []
    for scene in scenes:
        if scene.name not in first.index:
            continue
        row = first.loc[scene.name]
        window = Window(*(int(row[key]) for key in ("row_off", "col_off", "height", "width")))
        place = place_of(window_geobox(scene.geobox, window))
        common = 0.0 if place is None else shapely.intersection(place.outline, row.geometry).area
        if common < _SAME_PLACE * row.geometry.area:
            moved.append(scene.name)
    return moved


def _given_by_ground(
    case: SplitCase, table: gpd.GeoDataFrame, ground: Ground, known: np.ndarray
) -> np.ndarray:
    """Part of each scene by its name, or by the earlier chips and scenes that it overlaps.

    -2 where these are of several parts. What overlaps a scene that overlaps another is one ground.
    """
    import shapely

    given = known.copy()
    table = table[table.geometry.notna()]
    tree = shapely.STRtree(table.geometry.to_numpy())
    codes_of = ground.codes(list(table["split"]))
    pixels_of = (table["width"] * table["height"]).to_numpy()
    together = scene_groups(case.scenes, join=True)
    for group in np.unique(together):
        members = np.nonzero(together == group)[0]
        found = {int(code) for code in known[members] if code >= 0}
        for member in members.tolist():
            box = case.scenes[member].geobox
            place = place_of(box)
            near = [] if place is None else tree.query(place.outline, predicate="intersects")
            for row in near:
                if _shows(box, tree.geometries[row], int(pixels_of[row])):
                    found.add(int(codes_of[row]))
        free = members[known[members] == NO_PART]
        given[free] = found.pop() if len(found) == 1 else (_OUT if found else NO_PART)
    return given


def _shows(box: GeoBox, footprint: BaseGeometry, pixels: int) -> bool:
    """Whether a scene shows ground of an earlier chip of so many pixels.

    The footprint of a chip is known to half a pixel: only what is wider than one is common.
    """
    outline = shape_on(box, footprint)
    return outline is None or reaches_into(box, outline, max(1.0, (outline.area / pixels) ** 0.5))


def _polygons(case: SplitCase, chips: Path, old: Split) -> Split:
    """Polygons on the ground of earlier ones keep their part."""
    labels, ground = drawn_labels(case), old.ground
    assert ground.regions is not None
    group_of = groups_on_ground(labels)
    shapes, parts = labels.table.geometry.to_numpy(), ground.regions
    earlier = parts.in_crs(labels.table.crs)
    left, right = same_ground(shapes, earlier)
    found: list[set[int]] = [set() for _ in range(int(group_of.max()) + 1)]
    for one, other in zip(left.tolist(), right.tolist(), strict=True):
        code = int(parts.part_of[parts.region_of[other]])
        if code >= 0:
            found[group_of[one]].add(code)
    given = np.asarray(
        [next(iter(codes)) if len(codes) == 1 else _OUT if codes else NO_PART for codes in found]
    )

    def grown(codes: np.ndarray) -> Ground:
        buffer, buffer_m = ground.buffer_px, ground.buffer_m
        return ground_of_polygons(labels, group_of, codes, ground.parts, buffer, buffer_m)

    counts = counts_of_polygons(case, group_of)
    return _grown(case, old, counts, given, "groups of polygons", grown)


_KINDS: dict[str, Callable[[SplitCase, Path, Split], Split]] = {
    "blocks": _blocks,
    "polygons": _polygons,
    "regions": _regions,
    "scenes": _scenes,
}
