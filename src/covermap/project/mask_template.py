"""The part of a project file that says what masks hold."""

from __future__ import annotations

from collections.abc import Sequence

from covermap.labels.found_legend import FoundLegend
from covermap.labels.settings import quoted_codes
from covermap.project.template import ImageryEntry, quoted, text_around

_NAMED = 6
# A legend longer than this is likely to be cut to its most frequent classes.
_MANY = 12


def mask_project_text(
    name: str,
    entries: Sequence[ImageryEntry],
    masks: Sequence[str],
    tokens: Sequence[str],
    found: FoundLegend,
    left_over: Sequence[str],
    beside: Sequence[str] = (),
) -> str:
    """A project file for images and masks, with comments, valid as it stands.

    Parameters
    ----------
    name : str
    entries : sequence of ImageryEntry
    masks : sequence of str
        Paths of masks or their folders.
    tokens : sequence of str
        Words in the names that tell images from masks rather than places.
    found : FoundLegend
    left_over : sequence of str
        Files without a partner, to be named in comments.
    beside : sequence of str
        What was seen of lists of colours that lie beside the masks.
    """
    lines = [f"  path: {quoted(masks[0])}"] if len(masks) == 1 else ["  path:"]
    if len(masks) > 1:
        lines += [f"    - {quoted(path)}" for path in masks]
    if tokens:
        shown = ", ".join(quoted(token) for token in tokens)
        lines.append(f"  tokens: [{shown}]    # names agree but for these words")
    lines += [f"  # no partner, left out: {text}" for text in left_over]
    lines += [f"  # {text}" for text in beside]
    lines += _legend_lines(found)
    split = "# split: {by: auto}       # whole images (few: blocks); a published split: by: list"
    return text_around(name, entries, lines, split)


def _legend_lines(found: FoundLegend) -> list[str]:
    total = sum(found.pixels.values()) + sum(found.ignored.values())
    lines = []
    if found.shipped is not None:
        lines.append(f"  # all {_kind(found)} are those of the shipped legend {found.shipped}")
        if len(found.pixels) > _MANY:
            lines.append(
                f"  # legend: top 4 of {found.shipped} + other    # the most frequent of the "
                "training ground, instead of all:"
            )
    elif found.values == "colors":
        lines.append("  # write what each colour means; ignore: takes what means nothing")
    else:
        lines.append("  # write what each code means; ignore: takes codes that mean nothing")
    if found.noisy:
        lines.append("  # colours vary a little (JPEG?): each pixel takes the nearest one")
    if found.as_ids:
        lines.append(f"  values: ids           # {found.as_ids}")
    if found.values == "ids" and found.bands > 1:
        lines.append(f"  band: 1               # of {found.bands}: check that it holds the classes")
    lines += ["  legend:", "    classes:"]
    for number, item in sorted(found.settings.classes.items()):
        keys = [f"name: {quoted(item.name)}"]
        if item.color is not None:
            keys.append(f'color: "{item.color}"')
        if item.codes is not None:
            keys.append(f"codes: {quoted_codes(item.codes)}")
        pixels = found.pixels[number]
        lines.append(
            f"      {number}: {{{', '.join(keys)}}}    # {pixels:,} pixels, {pixels / total:.2%}"
        )
    if found.settings.ignore:
        lines.append(f"    ignore: {quoted_codes(found.settings.ignore)}")
    if found.settings.other is not None:
        lines.append(f"    other: {found.settings.other}")
    if found.ignored:
        lines.append(f"    # unlabelled: {_counts(found.ignored)}")
    if found.nodata:
        shown = [f"{value:g}" for value in found.nodata]
        lines.append(f"    # declared nodata of the masks, unlabelled: {', '.join(shown)}")
    return lines


def _kind(found: FoundLegend) -> str:
    return "colours" if found.values == "colors" else "codes"


def _counts(ignored: dict[int | str, int]) -> str:
    ordered = sorted(ignored.items(), key=lambda item: -item[1])
    told = [f"{key} ({pixels:,} pixels)" for key, pixels in ordered[:_NAMED]]
    return ", ".join(told) + (f" and {len(ordered) - _NAMED} more" if len(ordered) > _NAMED else "")
