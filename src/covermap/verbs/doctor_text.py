"""What `doctor` found, for a person: a few scenes in full, many in short."""

from __future__ import annotations

import re
from collections.abc import Sequence

from covermap.core.errors import counted
from covermap.imagery.inspection import SceneFacts
from covermap.verbs.doctor import Findings, LabelFacts

# Nobody reads the numbers of hundreds of pictures one by one; `--json` has them.
_IN_FULL = 5


def as_text(found: Findings) -> str:
    """Findings for a person."""
    lines: list[str] = []
    for facts in found.scenes[:_IN_FULL]:
        lines += [*_scene_lines(facts), ""]
    rest = _in_short(found.scenes[_IN_FULL:])
    lines += [*rest, ""] if rest else []
    for item in found.labels:
        lines += [*_label_lines(item), ""]
    lines += [f"WARNING  {text}" for text in _alike_once(found.warnings)]
    if not found.warnings:
        lines.append("Nothing looks wrong.")
    return "\n".join(lines)


def _in_short(scenes: Sequence[SceneFacts]) -> list[str]:
    """Scenes of one size and the same bands in one line."""
    kinds: dict[str, list[SceneFacts]] = {}
    for facts in scenes:
        bands = ", ".join(item.band.name for item in facts.bands)
        kinds.setdefault(f"{_size(facts)}, bands {bands}", []).append(facts)
    lines = []
    for kind, own in kinds.items():
        shares = [facts.usable_share for facts in own]
        named = own[0].name if len(own) == 1 else f"{own[0].name} to {own[-1].name}"
        lines.append(
            f"{len(own)} more ({named}): {kind}; usable {min(shares):.1%} to {max(shares):.1%}"
        )
    return [*lines, "  --json tells all of each"] if lines else []


def _alike_once(warnings: Sequence[str]) -> list[str]:
    """Of warnings that say the same of several scenes, but for numbers, the first and how many.

    Numbers in names of bands (B02) stand: each band is told of.
    """
    kinds: dict[str, list[str]] = {}
    for text in warnings:
        name, told, said = text.partition(": ")
        kinds.setdefault(re.sub(r"\b[0-9][0-9.]*", "#", said if told else name), []).append(text)
    return [
        own[0] if len(own) == 1 else f"{own[0]} (and {len(own) - 1} more like it)"
        for own in kinds.values()
    ]


def _label_lines(item: LabelFacts) -> list[str]:
    classes = ", ".join(
        f"{name} ({counted(number, item.drawn.removesuffix('s'))})" if item.crs else name
        for name, number in item.polygons.items()
    )
    return [
        item.path,
        *([f"  CRS       {item.crs}"] if item.crs else []),
        f"  classes   {classes}",
        *(f"  note      {note}" for note in item.notes),
    ]


def _size(facts: SceneFacts) -> str:
    size = f"{facts.width} x {facts.height} pixels of "
    if not facts.crs:
        return f"{size}unknown size (no CRS)"
    return f"{size}{facts.pixel_width_m:.2f} x {facts.pixel_height_m:.2f} m"


def _scene_lines(facts: SceneFacts) -> list[str]:
    left, bottom, right, top = facts.bounds
    lines = [
        facts.name,
        f"  grid      {facts.crs or 'no CRS'}, {_size(facts)}",
        f"  bounds    {left:.9g} {bottom:.9g} {right:.9g} {top:.9g}",
        f"  date      {facts.date.isoformat() if facts.date else 'unknown'}",
        f"  usable    {facts.usable_share:.1%} of the pixels; cloud {facts.cloud_share:.1%}",
        "",
        f"  {'band':<12} {'unit':<12} {'nm':>6} {'pixel m':>8} {'valid':>7} "
        f"{'min':>10} {'1 %':>10} {'median':>10} {'99 %':>10} {'max':>10}",
    ]
    for item in facts.bands:
        band = item.band
        values = (item.minimum, item.percentile_1, item.median, item.percentile_99, item.maximum)
        lines.append(
            f"  {band.name:<12} {band.unit:<12} {_number(band.wavelength_nm, 0):>6} "
            f"{_number(band.resolution_m, 1):>8} {item.valid_share:>7.1%} "
            + " ".join(f"{_number(value, 4):>10}" for value in values)
        )
    lines += [f"  note: {note}" for note in facts.notes]
    return lines


def _number(value: float | None, digits: int) -> str:
    if value is None:
        return "-"
    return f"{value:.{digits}f}" if abs(value) < 1000 else f"{value:.0f}"
