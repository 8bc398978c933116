"""The proof that no scored pixel taught: the ground that is really read, intersected."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from covermap.chips.distances import LeastDistance
from covermap.chips.duplicates import Duplicates, find_duplicates
from covermap.chips.loading import Share, share_of
from covermap.chips.parts import HOLDOUT_PARTS, Split, Training
from covermap.chips.table import windows_of
from covermap.chips.view import Viewer, inside_of, spread
from covermap.core.common_ground import Outlines, covered_by, on_one_turn, share_ground
from covermap.core.errors import SplitError
from covermap.core.grid import Window, window_geobox
from covermap.core.progress import progress

if TYPE_CHECKING:
    import geopandas as gpd

# What is kept of what chips show, a bit a pixel.
_KEPT_BYTES = 1 << 26
# Chips so near each other are compared pixel by pixel: rounding must not hide a common sliver.
_BESIDE_PX = -1.0


@dataclass(frozen=True)
class TrainingAudit:
    """What was found for one network.

    `shared_pixels` are scored pixels that a training or validation chip of the same network reads:
    none in an honest split. `least_distance_m` is from a scored pixel to the nearest labelled pixel
    that taught, in metres; None when nothing is scored, or no scene has a CRS. `touching_chips`
    are scored chips beside one that taught, where chips were drawn at random.
    """

    name: str
    teaching_chips: int
    scored_chips: int
    scored_pixels: int
    shared_pixels: int
    least_distance_m: float | None
    touching_chips: int = 0


@dataclass(frozen=True)
class Audit:
    """The audits of all networks of a run, pictures shown twice, and the classes of each part."""

    trainings: tuple[TrainingAudit, ...]
    class_shares: dict[str, dict[str, float]]
    duplicates: Duplicates = field(default_factory=Duplicates)

    @property
    def passed(self) -> bool:
        """Whether no scored pixel, and no copy of a scored picture, taught."""
        shared = any(item.shared_pixels for item in self.trainings)
        return not shared and not self.duplicates.copies_of_scored

    @property
    def leaky(self) -> str | None:
        """Why scores say little of other ground although no scored pixel taught; None: they do."""
        return "chips touch" if any(item.touching_chips for item in self.trainings) else None

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "passed": self.passed,
            "leaky": self.leaky,
            "trainings": [asdict(item) for item in self.trainings],
            "class_shares": self.class_shares,
            "near_duplicates": self.duplicates.to_dict(),
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Audit:
        """What `to_dict` made."""
        return cls(
            tuple(TrainingAudit(**item) for item in content["trainings"]),
            content["class_shares"],
            Duplicates.from_dict(content["near_duplicates"]),
        )

    def lines(self) -> list[str]:
        """The audit in words, a line a network that is scored."""
        lines = []
        for item in self.trainings:
            if not item.scored_chips:
                continue
            distance = (
                ""
                if item.least_distance_m is None
                else f"; nearest label that taught: {item.least_distance_m:.0f} m away"
            )
            verdict = "none" if item.shared_pixels == 0 else f"{item.shared_pixels:,}: LEAK"
            lines.append(
                f"{item.name}: {item.scored_chips} scored chips ({item.scored_pixels:,} pixels), "
                f"read by its {item.teaching_chips} training and validation chips: {verdict}"
                f"{distance}"
            )
            if item.touching_chips:
                lines.append(
                    f"{item.name}: LEAKY, chips were drawn at random: {item.touching_chips} of "
                    f"{item.scored_chips} scored chips touch a chip that taught"
                )
        return lines + self.duplicates.lines()

    def class_table(self) -> list[str]:
        """Share of each class in the labelled ground of each part, a line a class."""
        if not self.class_shares:
            return []
        names = list(dict.fromkeys(n for shares in self.class_shares.values() for n in shares))
        width = max(len(name) for name in (*names, "class"))
        columns = {part: max(8, len(part) + 2) for part in self.class_shares}
        head = "".join(f"{part:>{columns[part]}}" for part in columns)
        rows = [
            f"{name:<{width}}"
            + "".join(
                f"{self.class_shares[part].get(name, 0.0):>{column}.1%}"
                for part, column in columns.items()
            )
            for name in names
        ]
        return [f"{'class':<{width}}{head}", *rows]


def shares_of(
    viewer: Viewer, chips: gpd.GeoDataFrame, training: Training, around: int = 0
) -> tuple[Share, Share | None, Share | None]:
    """What one network is taught by, chooses its epoch by, and is scored on.

    Chips of validation are shown with `around` pixels on each side, see `Share.within`.
    """
    teach = share_of(
        viewer,
        windows_of(chips, training.train, viewer.regions),
        training.train,
        (*training.validate, *training.score),
    )
    validate = (
        share_of(
            viewer,
            windows_of(chips, training.validate, viewer.regions),
            training.validate,
            training.score,
            once=True,
        ).within(around)
        if training.validate
        else None
    )
    score = (
        share_of(
            viewer,
            windows_of(chips, training.score, viewer.regions),
            training.score,
            (),
            once=True,
        )
        if training.score
        else None
    )
    return teach, validate, score


def audit(viewer: Viewer, chips: gpd.GeoDataFrame, split: Split, around: int = 0) -> Audit:
    """Intersect, for each network, what it reads with what it is scored on; find copies.

    `around` as for `shares_of`.
    """
    found = []
    with progress("Audit of the split", len(split.trainings), "networks") as bar:
        for training in split.trainings:
            found.append(_audit_training(viewer, chips, training, split.at_random, around))
            bar.advance()
    duplicates = find_duplicates(viewer, chips, split.trainings)
    return Audit(tuple(found), _class_shares(chips), duplicates)


def require_passed(result: Audit, allow_leak: bool) -> None:
    """Stop when scored ground taught, unless the project allows it.

    Raises
    ------
    SplitError
        Naming the network and how many pixels.
    """
    if result.passed or allow_leak:
        return
    bad = next((item for item in result.trainings if item.shared_pixels), None)
    if bad is None:
        raise SplitError(
            f"the audit failed: {result.duplicates.copies_of_scored:,} scored chips are copies of "
            f"pictures that taught, such as {_first_copy(result)}. Remove the copies, keep them in "
            "one part (split: {by: list}), or accept it for all to see: split: {allow_leak: true}"
        )
    raise SplitError(
        f"the audit failed: {bad.shared_pixels:,} scored pixels are read by training or validation "
        f"chips of '{bad.name}'. Change the split, or accept it for all to see: "
        "split: {allow_leak: true}"
    )


def _first_copy(result: Audit) -> str:
    return next(twins.told() for twins in result.duplicates.listed if twins.identical)


def _audit_training(
    viewer: Viewer, chips: gpd.GeoDataFrame, training: Training, at_random: bool, around: int
) -> TrainingAudit:
    teach, validate, score = shares_of(viewer, chips, training, around)
    teachers = [share for share in (teach, validate) if share is not None]
    number = sum(len(share.windows) for share in teachers)
    if score is None:
        return TrainingAudit(training.name, number, 0, 0, 0, None)
    shared = scored = touching = 0
    distances, footprints = LeastDistance(viewer, teachers), _Footprints(viewer, teachers)
    for place, (scene, window) in enumerate(score.windows):
        box = window_geobox(viewer.scenes[scene].geobox, window)
        mask = score.counted(score.read(place))
        scored += int(mask.sum())
        shared += int((mask & footprints.read_on(scene, box)).sum())
        distances.ask(box, mask)
        if at_random:
            touching += footprints.any_touches(scene, box)
    return TrainingAudit(
        training.name, number, len(score.windows), scored, shared, distances.least_m, touching
    )


class _Footprints:
    """Where the chips of some shares lie, so that neighbours are found without asking all."""

    def __init__(self, viewer: Viewer, shares: Sequence[Share]) -> None:
        self._scenes, self._reaches = viewer.scenes, viewer.reaches
        self._seen: OrderedDict[tuple[int, int], np.ndarray] = OrderedDict()
        self._bytes = 0
        self._placed: list[tuple[Share, int, GeoBox]] = []
        # Pictures show no known ground, so none twice; each is its own ground.
        self._pictures: dict[str, list[tuple[Share, int, GeoBox]]] = {}
        for share in shares:
            for place, (scene, _) in enumerate(share.windows):
                box = window_geobox(viewer.scenes[scene].geobox, self._read(share, place))
                if box.crs is None:
                    self._pictures.setdefault(scene, []).append((share, place, box))
                else:
                    self._placed.append((share, place, box))
        self._outlines = Outlines([box for *_, box in self._placed])

    def read_on(self, scene: str, box: GeoBox) -> np.ndarray:
        """Which pixels of a grid of a scene show ground that some chip reads; bool (H, W).

        Chips of one scene overlap each other: they are laid on the grid together, once.
        """
        groups: dict[tuple[str, float], list[tuple[Share, int]]] = {}
        for share, place, other in self._near(scene, box):
            turn = on_one_turn(box, other).affine.c - other.affine.c
            groups.setdefault((share.windows[place][0], turn), []).append((share, place))
        read = np.zeros(tuple(box.shape), dtype=bool)
        for (name, turn), chips in groups.items():
            frame = _around([self._read(share, place) for share, place in chips])
            seen = np.zeros(frame.shape, dtype=bool)
            for share, place in chips:
                seen[share.shown(place).relative_to(frame).slices] |= self._seen_of(share, place)
            if self._reaches[name]:
                seen = self._with_reach(name, frame, seen)
            other = window_geobox(self._scenes[name].geobox, frame)
            moved = Affine.translation(turn, 0) @ other.affine
            read |= covered_by(box, GeoBox(other.shape, moved, other.crs), seen)
        return read

    def _read(self, share: Share, place: int) -> Window:
        """Where the values that are shown for a window come from."""
        return share.shown(place).expanded(self._reaches[share.windows[place][0]])

    def _with_reach(self, scene: str, frame: Window, seen: np.ndarray) -> np.ndarray:
        """The ground that what is seen of a scene was made of; no scene reads beyond its own."""
        return spread(seen, self._reaches[scene]) & inside_of(self._scenes[scene], frame)

    def _near(self, scene: str, box: GeoBox) -> Iterator[tuple[Share, int, GeoBox]]:
        """Chips that may share ground with a grid of a scene, in order."""
        if box.crs is not None:
            yield from (self._placed[n] for n in self._outlines.near(box))
        for share, place, other in self._pictures.get(scene, []) if box.crs is None else ():
            if share_ground(box, other, _BESIDE_PX):
                yield share, place, other

    def _seen_of(self, share: Share, place: int) -> np.ndarray:
        """What a network is shown of a chip; those asked for last are kept."""
        shape, key = share.shown(place).shape, (id(share), place)
        if key in self._seen:
            self._seen.move_to_end(key)
        else:
            self._seen[key] = np.packbits(share.seen(share.read(place)))
            self._bytes += self._seen[key].nbytes
            while self._bytes > _KEPT_BYTES and len(self._seen) > 1:
                self._bytes -= self._seen.popitem(last=False)[1].nbytes
        bits = np.unpackbits(self._seen[key], count=shape[0] * shape[1])
        return bits.reshape(shape).astype(bool)

    def _meeting(self, scene: str, box: GeoBox) -> Iterator[tuple[Share, int]]:
        """Chips that share ground with a grid of a scene, in order."""
        for share, place, other in self._near(scene, box):
            if share_ground(box, other, _BESIDE_PX):
                yield share, place

    def any_touches(self, scene: str, box: GeoBox) -> bool:
        """Whether a chip itself, without what is shown around it, lies beside a grid of a scene."""
        wide = box.pad(1)
        for share, place in self._meeting(scene, wide):
            own, window = share.windows[place]
            if share_ground(wide, window_geobox(self._scenes[own].geobox, window), _BESIDE_PX):
                return True
        return False


def _around(windows: Sequence[Window]) -> Window:
    """The window that just holds all of some."""
    top, left = min(w.row_off for w in windows), min(w.col_off for w in windows)
    bottom, right = max(w.row_stop for w in windows), max(w.col_stop for w in windows)
    return Window(top, left, bottom - top, right - left)


def _in_order(part: str) -> tuple[int, int, str]:
    """Training before validation before test; `fold10` after `fold9`."""
    known = HOLDOUT_PARTS.index(part) if part in HOLDOUT_PARTS else len(HOLDOUT_PARTS)
    return known, len(part), part


def _class_shares(chips: gpd.GeoDataFrame) -> dict[str, dict[str, float]]:
    """Share of each class in the labelled ground of each part."""
    result: dict[str, dict[str, float]] = {}
    weights = chips["share_labelled"] * chips["width"] * chips["height"]
    for part in sorted(set(chips["split"]), key=_in_order):
        rows = chips["split"] == part
        shares: dict[str, float] = {}
        for weight, row in zip(weights[rows], chips.loc[rows, "class_shares"], strict=True):
            for name, share in row.items():
                shares[name] = shares.get(name, 0.0) + float(share) * float(weight)
        total = sum(shares.values()) or 1.0
        result[str(part)] = {name: value / total for name, value in shares.items()}
    return result
