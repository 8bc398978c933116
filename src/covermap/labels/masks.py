"""Masks: rasters of class codes or colours, one for each scene."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from odc.geo.geobox import GeoBox

from covermap.core.errors import LabelError, counted, listed, nearest
from covermap.core.grid import same_lattice, tiles, whole, window_geobox
from covermap.core.legend import Legend
from covermap.core.progress import progress
from covermap.imagery.headers import TURNED
from covermap.imagery.raster import Scene
from covermap.labels.coding import (
    UNKNOWN,
    Coding,
    coding_of,
    coding_of_codes,
    color_text,
    legend_path,
    legend_settings,
)
from covermap.labels.mask_file import MaskFile, open_mask, require_codes_kept
from covermap.labels.mask_finding import listed_files, mask_files, paired
from covermap.labels.protocol import NothingDrawn
from covermap.labels.settings import LARGEST_ID, LabelSettings, TopLegendSettings, quoted_codes
from covermap.labels.target import Target

_READ = 1024
_NAMED = 3
# Different strange colours that are counted one by one; a photograph has millions.
_COUNTED_COLORS = 4096
# Share of stray colours from which a legend is rather wrong than noisy.
_ANOTHER_PALETTE = 0.5
# Codes of usual masks end here; what is larger, up to white, is a colour as a number.
_LARGEST_CODE, _WHITE = 65535, 0xFFFFFF


@dataclass(frozen=True)
class Masks(NothingDrawn):
    """Masks of scenes, read through one legend.

    Attributes
    ----------
    by_scene : dict
        The mask of each scene, by the scene's name.
    coding : Coding
        What codes and colours mean.
    path : Path
        Where the masks come from.
    files : tuple of Path
        All masks, and the legend's file where it has one.
    notes : tuple of str
        What was passed over or aligned.
    tolerance : float, optional
        Farthest distance of a colour from that of its class.
    strict : bool
        Whether any other colour is an error.
    """

    by_scene: dict[str, MaskFile]
    coding: Coding
    path: Path
    files: tuple[Path, ...]
    notes: tuple[str, ...] = ()
    tolerance: float | None = None
    strict: bool = False

    @property
    def legend(self) -> Legend:
        return self.coding.legend

    def burn(self, geobox: GeoBox, scene_name: str = "") -> Target:
        """What the scene's mask says of each pixel: that of its own pixel nearest to the centre.

        Raises
        ------
        LabelError
            A code that is not in the legend; with `strict`, a colour that is not.
        """
        shape = (int(geobox.shape[0]), int(geobox.shape[1]))
        nobody = np.full(shape, -1, dtype=np.int32)
        mask = self.by_scene.get(scene_name)
        if mask is None:
            return Target(np.zeros(shape, np.int16), np.zeros(shape, bool), nobody)
        positions = mask.positions(geobox, self.coding, self._reach)
        if (mask.kind == "ids" or self.strict) and (positions == UNKNOWN).any():
            self._refuse(mask)
        labelled = positions >= 0
        return Target(np.where(labelled, positions, 0).astype(np.int16), labelled, nobody)

    def touches(self, geobox: GeoBox, scene_name: str = "") -> bool:
        """Whether the scene has a mask."""
        return scene_name in self.by_scene

    def merged(self, legend: Legend, places: Sequence[int]) -> Masks:
        """The same masks with merged classes: class k becomes class `places[k]` of `legend`."""
        return replace(self, coding=self.coding.merged(legend, places))

    def checked_on(self, scenes: Sequence[Scene]) -> tuple[str, ...]:
        """Read all masks once: what stands in them that is not in the legend.

        Raises
        ------
        LabelError
            Codes that are not in the legend; with `strict`, colours that are not; each with its
            number of pixels.
        """
        masks = list(dict.fromkeys(self.by_scene.values()))
        stray: Counter[str] = Counter()
        with progress("Checking masks", len(masks), "masks") as bar:
            for mask in masks:
                found = self._strangers(mask)
                if found and (mask.kind == "ids" or self.strict):
                    raise LabelError(self._complaint(mask, found))
                stray.update(found)
                bar.advance()
        if not stray:
            return ()
        total = sum(stray.values())
        told = (
            f"{total:,} pixels of colours that are not in the legend are unlabelled: "
            f"{_counted(stray)}"
        )
        share = total / sum(math.prod(mask.geobox.shape) for mask in masks)
        if share > _ANOTHER_PALETTE:
            told += (
                f". That is {share:.0%} of all pixels: is the legend that of other masks? "
                "`covermap init --images DIR --masks DIR` writes one of the colours that it finds"
            )
        return (told,)

    @property
    def _reach(self) -> float | None:
        return 0.0 if self.strict else self.tolerance

    def _strangers(self, mask: MaskFile) -> Counter[str]:
        """Codes or colours of a mask that the legend does not know, with their pixels."""
        found: Counter[str] = Counter()
        for box in _windows(mask.geobox):
            unknown = mask.positions(box, self.coding, self._reach) == UNKNOWN
            if unknown.any():
                values, counts = np.unique(mask.read(box)[0][unknown], return_counts=True)
                for value, count in zip(values.tolist(), counts.tolist(), strict=True):
                    name = mask.told(value)
                    found[name if name in found or len(found) < _COUNTED_COLORS else "others"] += (
                        count
                    )
        return found

    def _refuse(self, mask: MaskFile) -> None:
        raise LabelError(self._complaint(mask, self._strangers(mask)))

    def _complaint(self, mask: MaskFile, found: Counter[str]) -> str:
        known = ", ".join(f"{item.id} {item.name}" for item in self.legend.classes[:12])
        if mask.kind == "ids":
            first = found.most_common(1)[0][0]
            return (
                f"{mask.path}: holds codes that are not in the legend ({known}): "
                f"{_counted(found)}. Add them to labels: legend: classes, or write ignore: "
                f"[{first}] there"
            )
        return (
            f"{mask.path}: holds colours that are not in the legend: {_counted(found)}. Add them "
            "to codes of labels: legend: classes or to ignore (in quotes), or leave out strict: "
            "true to take them as noise"
        )


def read_masks(settings: LabelSettings, base: Path, scenes: Sequence[Scene]) -> Masks:
    """Find the mask of each scene, and the legend of all.

    Parameters
    ----------
    settings : LabelSettings
        What the project says of its labels.
    base : Path
        Folder that relative paths start from.
    scenes : sequence of Scene
        Each gets the mask that is called like it.

    Raises
    ------
    LabelError
        No mask, a scene without one, sizes that differ where there is no CRS, or colours without a
        legend.
    """
    _require_no_drawing_keys(settings, base)
    files = mask_files(settings, base)
    path = base / settings.paths[0]
    pairs, left_over = paired(settings, scenes, files, path)
    described = None
    if settings.base_legend is not None:
        described = coding_of(legend_settings(settings.base_legend, base))
    palette = described is not None and described.has_palette
    by_scene: dict[str, MaskFile] = {}
    notes: list[str] = []
    moved: list[str] = []
    for scene in scenes:
        mask = open_mask(pairs[scene.name], settings.values, settings.band, palette)
        by_scene[scene.name] = _placed(mask, scene, moved)
    if left_over:
        notes.append(
            f"{counted(len(left_over), 'mask')} without an image passed over: "
            f"{listed_files(left_over)}"
        )
    if moved:
        notes.append(
            f"{counted(len(moved), 'mask')} on another grid or CRS than the image, read by nearest "
            f"pixel: {'; '.join(moved[:_NAMED])}{', ...' if len(moved) > _NAMED else ''}"
        )
    chosen = isinstance(settings.legend, TopLegendSettings)
    several = next((m for m in by_scene.values() if m.kind == "ids" and m.bands > 1), None)
    if several is not None and "band" not in settings.model_fields_set:
        notes.append(
            f"{several.path.name} has {several.bands} bands: class codes are read from band 1; "
            "where another one holds them, write labels: {band: 2}"
        )
    coding = described or _found_coding(list(by_scene.values()), chosen, notes)
    _require_palette(by_scene, coding)
    if all(mask.kind != "ids" for mask in by_scene.values()):
        notes += [
            f"the masks hold colours, and numbers in codes mean none: write {written}"
            for name in coding.legend.names
            if (written := _in_quotes(coding, name)) is not None
        ]
    of_colors = (
        "tolerance" if settings.tolerance is not None else "strict" if settings.strict else ""
    )
    if of_colors and all(mask.kind == "ids" for mask in by_scene.values()):
        notes.append(f"labels: {of_colors} changes nothing: no mask holds colours")
    legend_file = legend_path(settings.base_legend, base)
    read = [mask.path for mask in by_scene.values()]
    return Masks(
        by_scene,
        coding,
        path,
        tuple(dict.fromkeys([*read, *([legend_file] if legend_file else [])])),
        tuple(notes),
        settings.tolerance,
        settings.strict,
    )


def _placed(mask: MaskFile, scene: Scene, moved: list[str]) -> MaskFile:
    """A mask on the ground; one without a CRS lies pixel on pixel over its image."""
    if mask.geobox.crs is None or scene.geobox.crs is None:
        size, wanted = tuple(mask.geobox.shape), tuple(scene.geobox.shape)
        if size != wanted:
            raise LabelError(
                f"{mask.path}: is {size[1]} x {size[0]} pixels, its image {scene.name} "
                f"{wanted[1]} x {wanted[0]}; without a CRS in both they must be equal. Export the "
                f"mask in the image's size, without resampling colours{_turned(size, scene)}"
            )
        return replace(mask, geobox=scene.geobox)
    if not mask.geobox.extent.to_crs(scene.geobox.crs).geom.intersects(scene.geobox.extent.geom):
        raise LabelError(
            f"{mask.path}: does not meet its image {scene.name}; check the CRS of both"
        )
    same = same_lattice(scene.geobox, mask.geobox)
    if same != (0, 0) or mask.geobox.shape != scene.geobox.shape:
        crs = "same CRS" if mask.geobox.crs == scene.geobox.crs else _crs_name(mask.geobox)
        moved.append(f"{mask.path.name} ({mask.geobox.shape[1]} x {mask.geobox.shape[0]}, {crs})")
    return mask


def _turned(size: tuple[int, ...], scene: Scene) -> str:
    """What to add of an image that viewers turn to the size of its mask."""
    note = next((note for note in scene.notes if TURNED in note), None)
    is_turned = note is not None and size == tuple(scene.geobox.shape)[::-1]
    return f". The image: {note}" if is_turned else ""


def _crs_name(geobox: GeoBox) -> str:
    epsg = geobox.crs.epsg if geobox.crs is not None else None
    return f"EPSG:{epsg}" if epsg else "another CRS"


def _found_coding(masks: Sequence[MaskFile], chosen: bool, notes: list[str]) -> Coding:
    """The codes that occur in the masks as classes, where the project has no legend.

    `chosen` says that the most frequent of them will be chosen.
    """
    codes: Counter[int] = Counter()
    for mask in dict.fromkeys(masks):
        if mask.kind != "ids":
            raise LabelError(
                f"{mask.path}: holds colours, and labels: has no legend that says what they mean; "
                "write one with `covermap init --images DIR --masks DIR`, or name a shipped one: "
                "labels: {legend: deepglobe}. If its bands hold class codes: labels: {values: ids, "
                "band: 1}"
            )
        codes.update(found_codes(mask))
    if not codes:
        raise LabelError(f"{masks[0].path}: every pixel of the masks is nodata")
    require_codes_kept([mask.path for mask in masks], codes)
    if min(codes) < 0 or max(codes) > LARGEST_ID or len(codes) > 1000:
        raise LabelError(
            f"{masks[0].path.parent}: the masks hold {len(codes)} codes from {min(codes)} to "
            f"{max(codes)}; without a legend at most 1000 codes of 0 to {LARGEST_ID} are classes. "
            "Are these masks? Then say what their codes mean: labels: {legend: {classes: {1: "
            "water}, ignore: [-1]}}"
        )
    listed = ", ".join(map(str, sorted(codes)))
    notes.append(
        f"no legend of their codes: the most frequent are chosen among {listed}"
        if chosen
        else f"no legend: every code in the masks is a class ({listed})"
    )
    return coding_of_codes(list(codes))


def found_codes(mask: MaskFile) -> Counter[int]:
    """Codes or packed colours of a mask with their pixels; nodata and transparency are left out."""
    found: Counter[int] = Counter()
    for box in _windows(mask.geobox):
        values, there = mask.read(box)
        seen, counts = np.unique(values[there], return_counts=True)
        found.update(dict(zip(seen.tolist(), counts.tolist(), strict=True)))
    return found


def _require_palette(by_scene: dict[str, MaskFile], coding: Coding) -> None:
    for mask in by_scene.values():
        if mask.kind != "ids" and not coding.has_palette:
            bare = [
                item.name
                for place, item in enumerate(coding.legend.classes)
                if place not in coding.colors.values()
            ]
            written = next((_in_quotes(coding, name) for name in bare), None)
            raise LabelError(
                f"{mask.path}: holds colours, but the legend has none for {', '.join(bare[:4])}; "
                + (
                    f"write them in quotes: {written}"
                    if written
                    else f'add what means it: {{name: {bare[0]}, color: "#rrggbb"}}, or several: '
                    f'{{name: {bare[0]}, codes: ["#rrggbb", "#rrggbb"]}}'
                )
            )


def _in_quotes(coding: Coding, name: str) -> str | None:
    """A class whose codes can only mean colours, as it should be written; None for others."""
    place = coding.legend.index(name)
    codes = [code for code, own in coding.codes.items() if own == place]
    if not any(_LARGEST_CODE < code <= _WHITE for code in codes):
        return None
    colors = [color for color, own in coding.colors.items() if own == place]
    texts = [color_text(color) for color in dict.fromkeys([*colors, *codes]) if color <= _WHITE]
    return f"{{name: {name}, codes: {quoted_codes(texts)}}}"


def _require_no_drawing_keys(settings: LabelSettings, base: Path) -> None:
    given = settings.model_fields_set & {
        "layer", "attribute", "classes", "ignore", "complete", "priority", "all_touched",
        "inner_buffer_m", "radius_m",
    }  # fmt: skip
    if given:
        key = sorted(given)[0]
        raise LabelError(
            f"labels: '{key}' is for polygons, but {base / settings.paths[0]} holds masks; "
            f"{nearest(key, ['legend', 'band', 'values', 'tokens', 'tolerance', 'strict'])}"
        )


def _windows(geobox: GeoBox) -> Iterator[GeoBox]:
    for window in tiles(whole(geobox), _READ):
        yield window_geobox(geobox, window)


def _counted(found: Counter[str]) -> str:
    return listed([f"{name} ({count:,} pixels)" for name, count in found.most_common()], 6)
