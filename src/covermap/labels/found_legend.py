"""A legend from what stands in masks: codes or colours, and the shipped legend that fits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from covermap.core.errors import LabelError
from covermap.labels.coding import (
    IGNORED,
    UNKNOWN,
    Coding,
    coding_of,
    color_text,
    legend_settings,
    shipped_legends,
    unpacked,
)
from covermap.labels.mask_file import MaskFile, is_lossy, open_mask, require_codes_kept
from covermap.labels.masks import found_codes
from covermap.labels.settings import LARGEST_ID, ClassSettings, LegendSettings

# A palette has so many colours at most; more are noise about them (JPEG).
_MOST_COLORS = 60
# A palette is not so dark that all of its levels are below this.
_BRIGHTEST_CODE = 60
_MOST_CODES = 1000
# A colour of noise lies this near to one with this many times its pixels.
_NOISE_DISTANCE, _NOISE_TIMES = 48.0, 20
# Colours of fewer pixels than this share are strays rather than classes.
_LEAST_SHARE = 1e-4
# So many codes do not agree with another legend by chance.
_TELLING_CODES = 12
# A palette and the noise about it explain at least this share of the pixels.
_LEAST_EXPLAINED = 0.9
# Colours counted one by one while masks are read; the rarest are forgotten beyond it.
_COUNTED = 1 << 17


@dataclass(frozen=True)
class FoundLegend:
    """What masks hold.

    Attributes
    ----------
    settings : LegendSettings
        A legend under which they can be read; of a shipped one only the classes that occur.
    values : str
        `ids` or `colors`.
    pixels : dict
        Pixels of each class id.
    ignored : dict
        Pixels of each code or colour (`#rrggbb`) that is no class.
    shipped : str, optional
        Name of the shipped legend that all codes or colours agree with.
    noisy : bool
        Whether colours vary about those of the legend, as after JPEG.
    nodata : tuple of float
        What the files declare to be no data.
    as_ids : str
        Why files of red, green and blue hold codes, so that they must be said to hold ids; empty
        where they are no such files.
    bands : int
        How many bands the files have, of which one holds the codes.
    """

    settings: LegendSettings
    values: str
    pixels: dict[int, int]
    ignored: dict[int | str, int]
    shipped: str | None
    noisy: bool
    nodata: tuple[float, ...]
    as_ids: str = ""
    bands: int = 1

    @property
    def colors(self) -> set[str]:
        """Colours (`#rrggbb`) that occur in the masks; empty for masks of codes."""
        if self.values != "colors":
            return set()
        classes = self.settings.classes.values()
        own = {color for item in classes for color in item.mask_colors}
        return own | {str(key) for key in self.ignored}


def found_legend(paths: Sequence[Path], band: int = 1) -> FoundLegend:
    """The legend of some masks, every pixel of which is counted.

    A shipped legend gives names where all classes agree with it and no other shipped one does as
    well; else classes are called after their code or colour. Codes stay the ids; colours are
    numbered in order of their red, green and blue.

    Raises
    ------
    LabelError
        Masks of both kinds, or more values than a legend can have.
    """
    masks = [open_mask(path, "auto", band, palette=True) for path in paths]
    kinds = {"ids" if mask.kind == "ids" else "colors" for mask in masks}
    if len(kinds) > 1:
        codes = next(mask.path for mask in masks if mask.kind == "ids")
        colors = next(mask.path for mask in masks if mask.kind != "ids")
        raise LabelError(
            f"{codes}: holds class codes, but {colors.name} holds colours; give masks of one kind"
        )
    counts = _counted(masks)
    if not counts:
        raise LabelError(f"{paths[0]}: every pixel of the masks is nodata")
    nodata = tuple(sorted({mask.nodata for mask in masks if mask.nodata is not None}))
    bands = max(mask.bands for mask in masks)
    if kinds == {"ids"}:
        return replace(_of_codes(counts, nodata, paths), bands=bands)
    why = _why_codes(counts)
    if why:
        levels: Counter[int] = Counter()
        for color, number in counts.items():
            levels[color >> 16] += number
        declared = tuple(float(int(color) >> 16) for color in nodata)
        return replace(_of_codes(levels, declared, paths), as_ids=why, bands=bands)
    return _of_colors(counts, paths)


def _why_codes(colors: Collection[int]) -> str:
    """Why red, green and blue hold codes rather than colours; empty where they hold colours."""
    levels = unpacked(np.asarray(list(colors)))
    if levels.max() >= _BRIGHTEST_CODE:
        return ""
    if (levels == levels[:, :1]).all():
        return "red, green and blue are equal: codes of classes"
    if levels.max() == 1:
        # Each band may stand for a class: only all of them tell which.
        return ""
    return f"no number in any band is above {levels.max():.0f}: codes rather than colours"


def _counted(masks: Sequence[MaskFile]) -> Counter[int]:
    counts: Counter[int] = Counter()
    for mask in masks:
        counts.update(found_codes(mask))
        if len(counts) > _COUNTED:
            counts = Counter(dict(counts.most_common(_COUNTED // 2)))
    return counts


def _of_codes(
    counts: Counter[int], nodata: tuple[float, ...], paths: Sequence[Path]
) -> FoundLegend:
    require_codes_kept(paths, counts)
    # One code that no map can hold is how a program wrote that nothing is known.
    strange = [code for code in counts if not 0 <= code <= LARGEST_ID]
    if len(strange) == 1 and len(counts) > 2:
        rest = Counter({code: number for code, number in counts.items() if code not in strange})
        found = _of_codes(rest, nodata, paths)
        ignored = {**found.ignored, strange[0]: counts[strange[0]]}
        ignore = [*found.settings.ignore, strange[0]]
        settings = found.settings.model_copy(update={"ignore": ignore})
        return replace(found, settings=settings, ignored=ignored)
    if len(counts) > _MOST_CODES or strange:
        raise LabelError(
            f"{paths[0]}: the masks hold {len(counts):,} codes from {min(counts)} to "
            f"{max(counts)}; classes are at most {_MOST_CODES} codes from 0 to {LARGEST_ID}. Are "
            "these measurements?"
        )
    shipped = _agreeing(counts, colors=False, paths=paths)
    if shipped is not None:
        coding = coding_of(legend_settings(shipped, Path()))
        place_of = {code: coding.codes[code] for code in counts}
        return _shipped(shipped, "ids", counts, place_of, {c: c for c in counts}, False, nodata)
    classes = {code: ClassSettings(name=f"class {code}") for code in sorted(counts)}
    pixels = {code: counts[code] for code in sorted(counts)}
    return FoundLegend(LegendSettings(classes=classes), "ids", pixels, {}, None, False, nodata)


def _of_colors(counts: Counter[int], paths: Sequence[Path]) -> FoundLegend:
    shipped = _agreeing(counts, colors=True, paths=paths)
    if shipped is not None:
        coding = coding_of(legend_settings(shipped, Path()))
        colors = np.asarray(list(counts))
        places = coding.of_colors(colors, None).tolist()
        noisy = any(
            place != UNKNOWN and color not in coding.colors
            for color, place in zip(counts, places, strict=True)
        )
        place_of = {c: p for c, p in zip(counts, places, strict=True) if p != UNKNOWN}
        names = {color: color_text(color) for color in counts}
        return _shipped(shipped, "colors", counts, place_of, names, noisy, ())
    is_noisy = len(counts) > _MOST_COLORS or any(map(is_lossy, paths))
    kept = _palette(counts, is_noisy)
    if len(kept) > _MOST_COLORS or _explained(counts, kept) < _LEAST_EXPLAINED:
        raise LabelError(
            f"{paths[0]}: the masks hold {len(counts):,} colours, which are no palette of at most "
            f"{_MOST_COLORS}. Are these photographs? Write class ids instead"
        )
    ordered = sorted(kept)
    classes = {
        number: ClassSettings(name=f"class {color_text(color)}", color=color_text(color))
        for number, color in enumerate(ordered, start=1)
    }
    settings = LegendSettings(classes=classes)
    pixels = {number: counts[color] for number, color in enumerate(ordered, start=1)}
    strays: dict[int | str, int] = {
        color_text(c): n for c, n in counts.most_common() if c not in kept
    }
    return FoundLegend(settings, "colors", pixels, strays, None, bool(strays), ())


def _palette(counts: Counter[int], is_noisy: bool) -> set[int]:
    """Colours that are classes: not noise about a far more frequent one, nor a few strays."""
    total = sum(counts.values())
    kept: list[int] = []
    for color, count in counts.most_common():
        if count < _LEAST_SHARE * total:
            break
        near = [
            other
            for other in kept
            if np.linalg.norm(np.subtract(*unpacked(np.asarray([color, other])))) < _NOISE_DISTANCE
        ]
        if not is_noisy or not any(count * _NOISE_TIMES < counts[other] for other in near):
            kept.append(color)
        if len(kept) > _MOST_COLORS:
            break
    return set(kept)


def _explained(counts: Counter[int], kept: set[int]) -> float:
    """Share of the pixels whose colour is one of those kept, or noise about it."""
    if not kept:
        return 0.0
    settings = LegendSettings(
        classes={
            number: ClassSettings(name=color_text(color), color=color_text(color))
            for number, color in enumerate(kept)
        }
    )
    places = coding_of(settings).of_colors(np.asarray(list(counts)), _NOISE_DISTANCE)
    pixels = np.asarray(list(counts.values()))
    return float(pixels[places != UNKNOWN].sum() / pixels.sum())


def _agreeing(counts: dict[int, int], colors: bool, paths: Sequence[Path]) -> str | None:
    """The one shipped legend that knows everything in the masks and has fewest classes unseen.

    A few codes agree with many a legend by chance: only colours, many codes, or names of files as
    they were published tell one.
    """
    fitting: dict[str, int] = {}
    total = sum(counts.values())
    for name in shipped_legends():
        settings = legend_settings(name, Path())
        coding = coding_of(settings)
        known = _drawn_colors(coding) if colors else coding.codes
        if not colors and len(counts) < _TELLING_CODES and not _published(paths, settings.files):
            continue
        if colors and not coding.has_palette:
            continue
        seen = {known[value] for value in counts if value in known}
        covered = sum(count for value, count in counts.items() if value in known)
        # Masks that went through JPEG, and a few strays, still agree.
        if covered < (1 - 0.02 if colors else 1) * total or len(seen - {IGNORED}) < 2:
            continue
        fitting[name] = len(coding.legend) - len(seen - {IGNORED})
    if not fitting:
        return None
    best = min(fitting.values())
    names = [name for name, unseen in fitting.items() if unseen == best]
    return names[0] if len(names) == 1 else None


def _drawn_colors(coding: Coding) -> dict[int, int]:
    """Colours that masks hold on purpose: those of classes, and the greys of unlabelled ground.

    A bright colour that is ignored catches noise of JPEG; in masks that really hold it, it is a
    class of another legend.
    """
    return {
        color: place
        for color, place in coding.colors.items()
        if place != IGNORED or len(set(color.to_bytes(3, "big"))) == 1
    }


def _published(paths: Sequence[Path], patterns: Sequence[str]) -> bool:
    return all(any(path.match(pattern) for pattern in patterns) for path in paths)


def _shipped(
    name: str,
    values: str,
    counts: dict[int, int],
    place_of: dict[int, int],
    told: dict[int, int] | dict[int, str],
    noisy: bool,
    nodata: tuple[float, ...],
) -> FoundLegend:
    """A shipped legend with the pixels of its classes."""
    shipped = legend_settings(name, Path())
    ids = sorted(shipped.classes)
    found: Counter[int] = Counter()
    ignored: dict[int | str, int] = {}
    for value, count in counts.items():
        place = place_of.get(value, UNKNOWN)
        if place >= 0:
            found[ids[place]] += count
        else:
            ignored[told[value]] = count
    pixels = {number: found[number] for number in ids if found[number]}
    kept = {number: shipped.classes[number] for number in pixels}
    settings = shipped.model_copy(update={"classes": kept, "files": []})
    return FoundLegend(settings, values, pixels, ignored, name, noisy, nodata)
