"""The text of a project file that a person can read, correct and keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from covermap.imagery.inspection import BandFacts, SceneFacts

GUESSED = "# guessed from the value range: check"


@dataclass(frozen=True)
class ImageryEntry:
    """One entry of `imagery:` and what was seen in it.

    `scales` is a guessed scale for each band or None; `dates` is more than 1 for a stack, and
    `masks` then a glob of a mask for each date. `pictures` is how many scenes the entry holds that
    have a mask each, and stay apart; `prefix` then goes before their names. `are_colors` says that
    the bands got their names from the kind of file.
    """

    path: str | list[str]
    facts: SceneFacts
    scales: tuple[float | None, ...]
    dates: int
    masks: str | None
    warnings: tuple[str, ...]
    pictures: int = 0
    prefix: str | None = None
    are_colors: bool = False


def project_text(
    name: str,
    entries: Sequence[ImageryEntry],
    labels_path: str,
    attribute: str,
    passed_over: str,
    classes: Sequence[str],
    radius_m: float | None = None,
    layer: str | None = None,
) -> str:
    """A project file for polygons or points, with comments, valid as it stands."""
    other = f"    # passed over: {_on_one_line(passed_over)}" if passed_over else ""
    reach = []
    if radius_m is not None:
        reach = [
            f"  radius_m: {radius_m:<12g} # guessed: so far around each its class reaches: check",
            f"  # to map how many points lie where, points: {quoted(labels_path)} instead of path,",
            "  # attribute and radius_m, and  task: regression",
        ]
    labels = [
        f"  path: {quoted(labels_path)}",
        *_layer_lines(layer),
        f"  attribute: {quoted(attribute)}{other}",
        *reach,
        f"  # classes found: {_on_one_line(', '.join(classes))}",
        "  # ignore: [unknown]     # classes whose ground is left unlabelled",
        "  # complete: true        # ground nobody drew is the class `background`",
    ]
    split = "# split: {by: auto}       # blocks, or a k-fold by polygons where labels are few"
    return text_around(name, entries, labels, split)


def points_project_text(
    name: str, entries: Sequence[ImageryEntry], points: str, layer: str | None = None
) -> str:
    """A project that maps the density of points, with comments, valid as it stands."""
    labels = [
        f"  points: {quoted(points)}",
        *_layer_lines(layer),
        "  # areas: worked.gpkg   # inside, no point means 0; outside, nothing is known",
        "  # cap: {percentile: 97, over: all}    # what the density 1 stands for",
        "  # time: recorded       # column of the date; since: and until: choose",
        "",
        "task: regression         # the density of points in each cell",
    ]
    split = "# split: {by: auto}       # blocks"
    return text_around(name, entries, labels, split)


def _layer_lines(layer: str | None) -> list[str]:
    return [] if layer is None else [f"  layer: {quoted(layer)}"]


def text_around(
    name: str,
    entries: Sequence[ImageryEntry],
    labels: Sequence[str],
    split: str,
    network: str = "unet",
) -> str:
    """A project file around the lines of its labels (indented), its split and usual network."""
    lines = [
        f"name: {quoted(name)}",
        "",
        "imagery:",
    ]
    for entry in entries:
        lines += _entry_lines(entry)
    kept = _kept_bands(entries)
    lines.append("")
    if kept is not None:
        chosen, left_out = kept
        lines.append(
            f"bands: {_list(chosen)}    # what the network sees; indices such as ndvi may be added"
        )
        lines += [f"#   left out: {text}" for text in left_out]
    else:
        lines.append("# bands: [...]    # what the network sees; all bands when left out")
    lines += [
        "",
        "labels:",
        *labels,
        "",
        "# Everything below is optional; but for aoi these are the defaults.",
        "# aoi: area.gpkg          # nothing outside it is used or mapped",
        "# chips: {size: auto, place: grid}    # random, whole, ...; max_cloud: 0.15, ...",
        split,
        f"# model: {{name: {network}, encoder: efficientnet-lite0, weights: imagenet}}",
        "# training: {epochs: auto}",
        "# map: {outputs: [class]}            # confidence, polygons, ...",
        "# seed: 0",
    ]
    return "\n".join(lines) + "\n"


def _entry_lines(entry: ImageryEntry) -> list[str]:
    facts = entry.facts
    lines = _path_lines(entry.path)
    size = f"{facts.width} x {facts.height} px"
    ground = f" of {facts.pixel_width_m:.3g} x {facts.pixel_height_m:.3g} m" if facts.crs else ""
    lines.append(f"    # {size}{ground}, {facts.crs or 'no CRS'}, {facts.usable_share:.0%} usable")
    names = [item.band.name for item in facts.bands]
    if entry.are_colors:
        # Weights learnt on photographs have kernels for these; for nameless bands only a grey one.
        lines.append(f"    bands: {_list(names)}    # as JPEG and PNG files have them: check")
    else:
        lines.append(f"    # bands: {_on_one_line(', '.join(names))}")
    if entry.dates > 1:
        lines += [
            f"    stack: dates          # {entry.dates} dates of one place are one image",
            "    max_invalid: 0.5      # dates of which more is invalid or masked are left out",
        ]
        if entry.masks is not None:
            lines.append(
                f"    quality: {{path: {quoted(entry.masks)}}}    # codes other than 0 are invalid"
            )
    if entry.pictures:
        lines += _picture_lines(entry)
    lines += _scale_lines(entry)
    # Pictures differ: white roofs of the first one are no frame of all.
    for value, share, partly in () if entry.pictures else facts.frames:
        if share > 0.005:
            lines.append(f"    nodata: {value}           {GUESSED}")
            if partly > 0:
                lines.append(
                    f"    # it also makes holes where only some bands are {value}: "
                    f"{max(0.01, 100 * partly):.2g} % of the pixels"
                )
            break
    return lines


def _picture_lines(entry: ImageryEntry) -> list[str]:
    lines = []
    if entry.pictures > 1:
        lines.append(f"    # so is the first of {entry.pictures} images, {entry.facts.name}")
    lines += [f"    # {_on_one_line(note)}" for note in entry.facts.notes]
    lines.append("    join: false           # tiles that adjoin stay images of their own")
    if entry.prefix is not None:
        lines.append(f"    name: {quoted(entry.prefix)}")
    return lines


def _path_lines(path: str | list[str]) -> list[str]:
    if isinstance(path, str):
        return [f"  - path: {quoted(path)}"]
    return ["  - path:", *(f"      - {quoted(item)}" for item in path)]


def _scale_lines(entry: ImageryEntry) -> list[str]:
    scales = entry.scales
    if not any(scales):
        return []
    if all(scale == scales[0] for scale in scales):
        return [f"    scale: {scales[0]}         {GUESSED}"]
    units = ["reflectance" if scale else item.band.unit
             for scale, item in zip(scales, entry.facts.bands, strict=True)]  # fmt: skip
    return [
        f"    scale: {_list([scale or 1 for scale in scales])}    {GUESSED}",
        f"    unit: {_list(units)}",
    ]


def _kept_bands(entries: Sequence[ImageryEntry]) -> tuple[list[str], list[str]] | None:
    """Bands worth giving to a network, and why others are left out; None when all are."""
    left_out: dict[str, str] = {}
    names = [item.band.name for item in entries[0].facts.bands]
    for entry in entries:
        for item in entry.facts.bands:
            why = _useless(item)
            if why:
                left_out[item.band.name] = why
    if not left_out or entries[0].dates > 1:
        return None
    kept = [name for name in names if name not in left_out]
    return (kept, [f"{name}: {why}" for name, why in left_out.items()]) if kept else None


def _useless(item: BandFacts) -> str | None:
    if item.valid_share == 0:
        return "no valid pixel"
    if item.minimum == item.maximum:
        return f"{item.minimum:g} everywhere"
    if item.integers and item.distinct <= 12 and item.band.unit == "dn":
        return f"only {item.distinct} values: a mask or class layer?"
    return None


def quoted(text: str) -> str:
    """Text as YAML reads it back: plain where that is safe, in a list as well."""
    import yaml

    try:
        safe = yaml.safe_load(f"a: {text} # b\nc: [{text}]") == {"a": text, "c": [text]}
    except yaml.YAMLError:
        safe = False
    if safe:
        return text
    shown = yaml.safe_dump(text, default_style='"', allow_unicode=True, width=float("inf"))
    return str(shown).strip()


def _on_one_line(text: str) -> str:
    """Text that may stand in a comment."""
    return " ".join(text.split())


def _list(items: Sequence[object]) -> str:
    return "[" + ", ".join(quoted(i) if isinstance(i, str) else str(i) for i in items) + "]"
