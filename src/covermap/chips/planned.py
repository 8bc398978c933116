"""What the planned chips are as wholes, and which classes and labels can so be assessed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from covermap.chips.answers import Answers, ChipClass, ChipTags
from covermap.chips.loading import Share, share_of
from covermap.chips.parts import Split, Training
from covermap.chips.table import windows_of
from covermap.chips.view import Viewer
from covermap.core.errors import SplitError
from covermap.labels.protocol import Labels

if TYPE_CHECKING:
    import geopandas as gpd

# What tells one window from another in `chips.parquet`, which has a row for each part of one.
_WINDOW = ["scene", "row_off", "col_off", "region"]


def chip_answers(
    chips: gpd.GeoDataFrame, answers: Answers, names: Sequence[str], parts: Sequence[str]
) -> np.ndarray:
    """Answers of all chips that hold labels of some parts, by what the table says of them.

    Parameters
    ----------
    chips : GeoDataFrame
        Of `plan_chips`. Its pixels are those of the plan: strips along held-out ground, and pixels
        that several windows show, are not taken off.
    answers : ChipClass or ChipTags
    names : sequence of str
        The K classes.
    parts : sequence of str
        Whose labels count; those of one window count together.

    Returns
    -------
    ndarray of float32, shape (N, K)
        1 for the class of a chip and for labels that it has, 0 for others, NaN where unknown.
    """
    if not isinstance(answers, ChipClass | ChipTags):
        raise TypeError(f"{type(answers).__name__} is no answer of whole chips")
    rows = chips[chips["split"].isin(list(parts))]
    shares = [[held.get(name, 0.0) for name in names] for held in rows["class_shares"]]
    pixels = (rows["width"] * rows["height"]).to_numpy()
    held = np.array(shares, dtype=np.float64).reshape(-1, len(names))
    held *= (rows["share_labelled"].to_numpy() * pixels)[:, None]
    window = rows.groupby(_WINDOW, sort=False, dropna=False).ngroup().to_numpy()
    first = np.unique(window, return_index=True)[1]
    counts = np.zeros((len(first), len(names)))
    np.add.at(counts, window, held)
    scenes = rows["scene"].to_numpy()
    found = [
        answers.of_counts(
            str(scenes[row]), np.rint(counts[place]).astype(np.int64), int(pixels[row])
        )
        for place, row in enumerate(first)
    ]
    return np.array(found, dtype=np.float32).reshape(-1, len(names))


def label_shares(
    chips: gpd.GeoDataFrame,
    answers: ChipClass | ChipTags,
    names: Sequence[str],
    parts: Sequence[str],
) -> dict[str, dict[str, float]]:
    """Of the chips of each part of which it is known, the share of each class or label, 0..1.

    Of several labels a chip has `class_shares` name one alone.
    """
    found = {}
    for part in parts:
        known = chip_answers(chips, answers, names, [part])
        have, asked = np.nansum(known, axis=0), (~np.isnan(known)).sum(axis=0)
        shares = have / np.maximum(asked, 1)
        found[part] = {name: float(share) for name, share in zip(names, shares, strict=True)}
    return found


def assessed_by_chips(
    chips: gpd.GeoDataFrame,
    answers: Answers,
    names: tuple[str, ...],
    trainings: Sequence[Training],
) -> tuple[str, ...]:
    """Classes, or labels, that some network is taught and tested by whole chips.

    A class must be that of a chip that teaches and of one that is tested: one that is never the
    commonest of a chip is never learnt. Of a label there must be chips with and without it on both
    sides.

    Parameters
    ----------
    chips, answers, names
        As for `chip_answers`.
    trainings : sequence of Training
        Of the split.
    """
    assessed = np.zeros(len(names), dtype=bool)
    for training in trainings:
        if training.score:
            sides = [
                chip_answers(chips, answers, names, parts)
                for parts in (training.train, training.score)
            ]
            wanted = (1, 0) if isinstance(answers, ChipTags) else (1,)
            assessed |= np.all(
                [(side == value).any(axis=0) for side in sides for value in wanted], axis=0
            )
    return tuple(name for name, ok in zip(names, assessed, strict=True) if ok)


def assessed_as_taught(viewer: Viewer, chips: gpd.GeoDataFrame, split: Split) -> tuple[str, ...]:
    """Classes that can be assessed, of which some label is left to teach beside held-out ground.

    Parameters
    ----------
    viewer : Viewer
    chips : GeoDataFrame
        Of `plan_chips`.
    split : Split

    Raises
    ------
    SplitError
        A network would be taught by no label at all.
    """
    left: set[str] = set()
    for training in split.trainings:
        planned = _held_by(chips, training.train)
        hide = (*training.validate, *training.score)
        windows = windows_of(chips, training.train, viewer.regions)
        taught = _taught(share_of(viewer, windows, training.train, hide), planned)
        if not taught:
            raise SplitError(too_near(viewer, f"no label is left to teach '{training.name}'"))
        left |= taught & _held_by(chips, training.score)
    return tuple(name for name in split.assessed if name in left)


def too_near(viewer: Viewer, what: str) -> str:
    """A message where labels are lost because they lie so near held-out ground; `what` are."""
    reach, channel = coarsest(viewer)
    told = f"split: {what}: other labels lie so near held-out ground that they do not count"
    if reach > max(viewer.ground.buffer_on(scene.geobox) for scene in viewer.scenes.values()):
        return (
            f"{told}, because pixels of {channel} are so coarse that held-out ground is in what "
            f"its values say {reach} px away. Leave {channel} out of bands:, or hold out larger "
            "pieces: split: {by: region, regions: FILE}, or larger chips with split: {by: blocks}"
        )
    return f"{told} (split: buffer_m); make buffer_m smaller, or hold out larger pieces"


def coarsest(viewer: Viewer) -> tuple[int, str]:
    """The farthest that a channel's values reach beyond their pixels, in pixels; and the channel.

    A channel of no name where none does.
    """
    reach = max(viewer.reaches.values(), default=0)
    if not reach:
        return 0, ""
    scenes = viewer.scenes.values()
    return reach, max(viewer.channels, key=lambda name: max(s.reach([name]) for s in scenes))


def require_answers(assessed: Sequence[str], answers: Answers, labels: Labels) -> None:
    """Stop where whole chips leave nothing to be assessed: one class alone, or no label.

    Raises
    ------
    SplitError
        Saying which classes there are.
    """
    if len(assessed) >= (1 if isinstance(answers, ChipTags) else 2):
        return
    names = ", ".join(labels.legend.names)
    if isinstance(answers, ChipTags):
        raise SplitError(
            f"{labels.path}: at least one label needs chips that have it and chips that have it "
            f"not, some of both to teach and some to test; none of {names} does. Label more "
            "images, or use smaller chips"
        )
    which = f"only '{assessed[0]}'" if assessed else "none"
    raise SplitError(
        f"{labels.path}: a chip has the class that most of its labelled pixels have, and at least "
        "two classes must be that of chips that teach and of chips that are tested; "
        f"{which} of {names} is. Label more images, or use smaller chips"
    )


def _held_by(chips: gpd.GeoDataFrame, parts: Sequence[str]) -> set[str]:
    """Classes of the planned labels of some parts."""
    shares = chips.loc[chips["split"].isin(list(parts)), "class_shares"]
    return {name for held in shares for name, share in held.items() if share > 0}


def _taught(share: Share, planned: set[str]) -> set[str]:
    """Classes with a counted pixel; no more chips are read than it takes to find all `planned`."""
    names = share.viewer.labels.legend.names
    found: set[str] = set()
    for number in range(len(share.windows)):
        view = share.read(number)
        found |= {names[place] for place in np.unique(view.target.index[share.counted(view)])}
        if found >= planned:
            break
    return found
