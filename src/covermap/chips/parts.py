"""A decided split as an object, and what all ways to hold ground out have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from covermap.chips.ground import Ground, pixels_of
from covermap.chips.scan import Scan
from covermap.chips.settings import SplitSettings
from covermap.core.errors import SplitError
from covermap.core.grid import Window
from covermap.imagery.raster import Scene
from covermap.labels.protocol import Labels
from covermap.labels.regions import Region
from covermap.labels.top_classes import TopClasses

# Training labels keep this distance from held-out ground, in pixels, unless the project says.
_BUFFER_PX = {"blocks": 4, "polygons": 1, "scenes": 0, "regions": 4}


# A bit of 32 for each fold and one for what always teaches, see `chips.view.View.held`.
_MOST_FOLDS = 31

HOLDOUT_PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class SplitCase:
    """All that a split is decided from.

    Attributes
    ----------
    scenes, scans : sequence
        Scenes and what each holds, in the same order.
    labels : Labels
    settings : SplitSettings
        What the project asks for.
    size : int
        Side of a chip in pixels.
    seed : int
        Same seed, same split.
    base : Path
        Folder that the project's relative paths start from.
    regions : mapping of (str, Window) to Region
        Where polygons are chips, what each scene and window shows; such a polygon lies in one part
        whatever its size.
    spare : bool
        Whether a k-fold keeps one more share of the ground, which teaches in every fold.
    """

    scenes: Sequence[Scene]
    scans: Sequence[Scan]
    labels: Labels
    settings: SplitSettings
    size: int
    seed: int
    base: Path = Path()
    regions: Mapping[tuple[str, Window], Region] = field(default_factory=dict)
    spare: bool = False


@dataclass(frozen=True)
class Training:
    """One network to be trained: which parts teach it, choose its epoch, are scored with it."""

    name: str
    train: tuple[str, ...]
    validate: tuple[str, ...]
    score: tuple[str, ...]


@dataclass(frozen=True)
class Split:
    """The decided split.

    Attributes
    ----------
    scheme : str
        `holdout` (parts train, val, test) or `kfold` (parts fold1.. and train).
    ground : Ground
        Which part each pixel is.
    trainings : tuple of Training
        In order; the last one, `final`, makes the delivered map.
    assessed : tuple of str
        Classes that can be in training and test; the others stay in training.
    reasons : tuple of str
        Why the split is as it is, to be told.
    top_classes : TopClasses, optional
        The legend where the project asks for the most frequent classes.
    at_random : bool
        Whether chips were drawn at random, so that tested ones touch those that taught.
    """

    scheme: Literal["holdout", "kfold"]
    ground: Ground
    trainings: tuple[Training, ...]
    assessed: tuple[str, ...]
    reasons: tuple[str, ...]
    top_classes: TopClasses | None = None
    at_random: bool = False


# Makes the ground of a split from the part of each group and the names of the parts.
GroundOf = Callable[[np.ndarray, tuple[str, ...]], Ground]


def holdout_training() -> Training:
    """The one network of a hold-out."""
    return Training("final", ("train",), ("val",), ("test",))


def assessed_by_holdout(
    counts: np.ndarray, codes: np.ndarray, names: tuple[str, ...]
) -> tuple[str, ...]:
    """Classes that are in training and in test.

    Parameters
    ----------
    counts : ndarray of int, shape (G, K)
        Pixels of each class in each group.
    codes : ndarray of int, shape (G,)
        Part of each group, as in `HOLDOUT_PARTS`.
    names : tuple of str
        The K classes.
    """
    taught, tested = ((counts[codes == code] > 0).any(axis=0) for code in (0, 2))
    return tuple(name for name, ok in zip(names, taught & tested, strict=True) if ok)


def told_parts(codes: np.ndarray, parts: Sequence[str] = HOLDOUT_PARTS) -> str:
    """How many groups each part has, in words."""
    return ", ".join(f"{int((codes == code).sum())} {part}" for code, part in enumerate(parts))


def buffer_px(case: SplitCase, kind: str) -> int:
    """Width in pixels of the strip along held-out ground whose labels do not teach.

    Asked for in metres, that of the scene with the smallest pixels.

    Raises
    ------
    SplitError
        It is asked for in metres, and a scene has no CRS.
    """
    if case.settings.buffer_m is None:
        return _BUFFER_PX[kind]
    lost = [scene.name for scene in case.scenes if scene.geobox.crs is None]
    if case.settings.buffer_m > 0 and lost:
        raise SplitError(
            f"split: buffer_m: {case.settings.buffer_m:g} cannot be kept: '{lost[0]}'"
            + (f" and {len(lost) - 1} more images have" if len(lost) > 1 else " has")
            + " no CRS, so that nothing says how long a metre is or what lies beside it; leave "
            "buffer_m out"
        )
    return max(pixels_of(case.settings.buffer_m, scene.geobox) for scene in case.scenes)


def fold_count(settings: SplitSettings, groups: int) -> int:
    """How many folds the project asks for, or two groups in each, from 2 to 5."""
    if settings.folds == "each":
        return groups
    return settings.folds or int(np.clip(groups // 2, 2, 5))


def fold_shares(folds: int, spare: bool) -> tuple[float, ...]:
    """Equal shares of ground for the folds, and with `spare` one more for what always teaches.

    Raises
    ------
    SplitError
        There are more folds than a network each and a bit each of held-out ground allow.
    """
    if folds > _MOST_FOLDS:
        raise SplitError(
            f"split: folds: each makes {folds} folds, a network each; at most {_MOST_FOLDS} are "
            "possible: split: {folds: 5}"
        )
    dealt = folds + spare
    return (1 / dealt,) * dealt


def fold_parts(folds: int) -> tuple[str, ...]:
    """Names of the parts of a k-fold; what is `train` teaches in every fold."""
    return (*(f"fold{number}" for number in range(1, folds + 1)), "train")


def kfold_of(
    case: SplitCase,
    counts: np.ndarray,
    codes: np.ndarray,
    folds: int,
    ground_of: GroundOf,
    reasons: tuple[str, ...],
) -> Split:
    """The k-fold of groups that were dealt out.

    Parameters
    ----------
    case : SplitCase
    counts : ndarray of int, shape (G, K)
        Pixels of each class in each group.
    codes : ndarray of int16, shape (G,)
        Fold of each group from 0 on, `folds` for those that always teach, -1 for none.
    folds : int
    ground_of : callable
        See `GroundOf`.
    reasons : tuple of str
    """
    assessed = assessed_by_fold(counts, codes, case.labels.legend.names, folds)
    ground = ground_of(codes, fold_parts(folds))
    return Split("kfold", ground, fold_trainings(folds), assessed, reasons)


def fold_trainings(folds: int) -> tuple[Training, ...]:
    """A network for each fold, and one that learns from everything."""
    parts = fold_parts(folds)
    each = tuple(
        Training(part, tuple(other for other in parts if other != part), (), (part,))
        for part in parts[:-1]
    )
    return (*each, Training("final", parts, (), ()))


def assessed_by_fold(
    counts: np.ndarray, codes: np.ndarray, names: tuple[str, ...], folds: int
) -> tuple[str, ...]:
    """Classes that some fold tests while another part teaches them."""
    assessed = []
    for place, name in enumerate(names):
        holders = set(codes[(counts[:, place] > 0) & (codes >= 0)].tolist())
        if len(holders) >= 2 and min(holders) < folds:
            assessed.append(name)
    return tuple(assessed)


def require_two(assessed: tuple[str, ...], labels: Labels) -> None:
    """Stop when fewer than two classes can be assessed.

    Raises
    ------
    SplitError
        Saying which classes there are.
    """
    if len(assessed) >= 2:
        return
    which = f"only '{assessed[0]}'" if assessed else "none"
    where, more = (
        ("polygons", "Draw more polygons")
        if labels.sources
        else ("places (blocks or images)", "Label more images, or use smaller chips")
    )
    raise SplitError(
        f"{labels.path}: at least two classes must lie in two or more separate {where} with "
        f"usable pixels so that one can teach and another test; {which} of "
        f"{', '.join(labels.legend.names)} does. {more}"
    )
