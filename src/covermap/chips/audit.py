"""The proof that no scored pixel taught: the ground that is really read, intersected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from covermap.chips.loading import Share, share_of
from covermap.chips.parts import Split, Training
from covermap.chips.table import windows_of
from covermap.chips.view import Viewer
from covermap.core.errors import SplitError
from covermap.core.grid import Window, pixel_size_m, same_lattice, window_geobox
from covermap.core.progress import progress

if TYPE_CHECKING:
    import geopandas as gpd
    from odc.geo.geobox import GeoBox


@dataclass(frozen=True)
class TrainingAudit:
    """What was found for one network.

    `shared_pixels` are scored pixels that a training or validation chip of the same network reads:
    none in an honest split. `least_distance_m` is from a scored pixel to the nearest labelled pixel
    that taught, in metres; None when nothing is scored, or they share no CRS or have none.
    """

    name: str
    teaching_chips: int
    scored_chips: int
    scored_pixels: int
    shared_pixels: int
    least_distance_m: float | None


@dataclass(frozen=True)
class Audit:
    """The audits of all networks of a run."""

    trainings: tuple[TrainingAudit, ...]
    class_shares: dict[str, dict[str, float]]

    @property
    def passed(self) -> bool:
        return all(item.shared_pixels == 0 for item in self.trainings)

    def to_dict(self) -> dict[str, Any]:
        return {
            "passed": self.passed,
            "trainings": [asdict(item) for item in self.trainings],
            "class_shares": self.class_shares,
        }

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
                f"{item.name}: {item.scored_pixels:,} scored pixels in {item.scored_chips} chips, "
                f"read by its {item.teaching_chips} training and validation chips: {verdict}"
                f"{distance}"
            )
        return lines


def shares_of(
    viewer: Viewer, chips: gpd.GeoDataFrame, training: Training
) -> tuple[Share, Share | None, Share | None]:
    """What one network is taught by, chooses its epoch by, and is scored on."""
    teach = share_of(
        viewer,
        windows_of(chips, training.train),
        training.train,
        (*training.validate, *training.score),
    )
    validate = (
        share_of(
            viewer,
            windows_of(chips, training.validate),
            training.validate,
            training.score,
            once=True,
        )
        if training.validate
        else None
    )
    score = (
        share_of(viewer, windows_of(chips, training.score), training.score, (), once=True)
        if training.score
        else None
    )
    return teach, validate, score


def audit(viewer: Viewer, chips: gpd.GeoDataFrame, split: Split) -> Audit:
    """Intersect, for each network, what it reads with what it is scored on."""
    found = []
    with progress("Audit of the split", len(split.trainings), "networks") as bar:
        for training in split.trainings:
            found.append(_audit_training(viewer, chips, training))
            bar.advance()
    return Audit(tuple(found), _class_shares(chips))


def require_passed(result: Audit, allow_leak: bool) -> None:
    """Stop when scored ground taught, unless the project allows it.

    Raises
    ------
    SplitError
        Naming the network and how many pixels.
    """
    if result.passed or allow_leak:
        return
    bad = next(item for item in result.trainings if item.shared_pixels)
    raise SplitError(
        f"the audit failed: {bad.shared_pixels:,} scored pixels are read by training or validation "
        f"chips of '{bad.name}'. Change the split, or accept it for all to see: "
        "split: {allow_leak: true}"
    )


def _audit_training(viewer: Viewer, chips: gpd.GeoDataFrame, training: Training) -> TrainingAudit:
    teach, validate, score = shares_of(viewer, chips, training)
    teachers = [share for share in (teach, validate) if share is not None]
    number = sum(len(share.windows) for share in teachers)
    if score is None:
        return TrainingAudit(training.name, number, 0, 0, 0, None)
    shared = scored = 0
    distances, footprints = _EdgeDistances(viewer), _Footprints(viewer, teachers)
    for share in teachers:
        for place in range(len(share.windows)):
            distances.add(share, place)
    for place, (scene, window) in enumerate(score.windows):
        box = window_geobox(viewer.scenes[scene].geobox, window)
        mask = score.counted(score.read(place))
        scored += int(mask.sum())
        read = np.zeros_like(mask)
        for share, other in footprints.meeting(scene, box):
            read |= _read_on(viewer, share, other, box)
        shared += int((mask & read).sum())
        distances.ask(box, mask)
    return TrainingAudit(
        training.name, number, len(score.windows), scored, shared, distances.least_m
    )


class _Footprints:
    """Where the chips of some shares lie, so that neighbours are found without asking all."""

    def __init__(self, viewer: Viewer, shares: Sequence[Share]) -> None:
        import shapely

        known = (scene.geobox.crs for scene in viewer.scenes.values())
        self._crs = next((crs for crs in known if crs is not None), None)
        self._placed: list[tuple[Share, int, GeoBox]] = []
        # Pictures show no known ground, so none twice; each is its own ground.
        self._pictures: dict[str, list[tuple[Share, int, GeoBox]]] = {}
        for share in shares:
            for place, (scene, window) in enumerate(share.windows):
                box = window_geobox(viewer.scenes[scene].geobox, window)
                if box.crs is None:
                    self._pictures.setdefault(scene, []).append((share, place, box))
                else:
                    self._placed.append((share, place, box))
        self._tree = shapely.STRtree([self._outline(box) for *_, box in self._placed])

    def meeting(self, scene: str, box: GeoBox) -> Iterator[tuple[Share, int]]:
        """Chips that share ground with a grid of a scene, in order."""
        if box.crs is None:
            near = self._pictures.get(scene, [])
        else:
            near = [self._placed[n] for n in sorted(self._tree.query(self._outline(box)))]
        for share, place, other in near:
            if _meets(box, other):
                yield share, place

    def _outline(self, box: GeoBox) -> Any:
        # A pixel wider than the footprint: rounding must not hide a common sliver.
        extent = box.pad(1).extent
        return extent.geom if box.crs == self._crs else extent.to_crs(self._crs).geom


def _meets(box: GeoBox, other: GeoBox) -> bool:
    offset = same_lattice(box, other)
    if offset is not None:
        placed = Window(offset[0], offset[1], int(other.shape[0]), int(other.shape[1]))
        return placed.intersection(Window(0, 0, *box.shape)) is not None
    extent = other.pad(1).extent.to_crs(box.crs).geom
    return bool(box.extent.geom.intersects(extent))


def _read_on(viewer: Viewer, share: Share, place: int, box: GeoBox) -> np.ndarray:
    """Which pixels of a grid show ground that a chip reads; bool, shape of the grid."""
    scene, window = share.windows[place]
    seen = share.seen(share.read(place))
    other = window_geobox(viewer.scenes[scene].geobox, window)
    result = np.zeros(tuple(box.shape), dtype=bool)
    offset = same_lattice(box, other)
    if offset is not None:
        placed = Window(offset[0], offset[1], window.height, window.width)
        common = placed.intersection(Window(0, 0, *box.shape))
        if common is not None:
            result[common.slices] = seen[common.relative_to(placed).slices]
        return result
    from rasterio.enums import Resampling
    from rasterio.warp import reproject

    taken = np.zeros(tuple(box.shape), dtype=np.uint8)
    reproject(
        seen.astype(np.uint8),
        taken,
        src_transform=other.affine,
        src_crs=other.crs.to_wkt(),
        dst_transform=box.affine,
        dst_crs=box.crs.to_wkt(),
        # Shown is shown, however little of a pixel it is.
        resampling=Resampling.max,
        tolerance=0,
    )
    return taken > 0


class _EdgeDistances:
    """Distance from scored pixels to the nearest pixel whose label taught.

    Only pixels at the edge of a labelled patch can be nearest, which keeps few of many.
    """

    def __init__(self, viewer: Viewer) -> None:
        scenes = list(viewer.scenes.values())
        first = next((scene for scene in scenes if scene.geobox.crs is not None), scenes[0])
        self._viewer, self._crs = viewer, first.geobox.crs
        self._pixel_m = pixel_size_m(first.geobox)
        self._pixel = float(np.sqrt(abs(first.geobox.affine.determinant)))
        self._taught: list[np.ndarray] = []
        self._tree: Any = None
        self._least = np.inf

    @property
    def least_m(self) -> float | None:
        return (
            None
            if not np.isfinite(self._least)
            else float(self._least * self._pixel_m / self._pixel)
        )

    def add(self, share: Share, place: int) -> None:
        scene, window = share.windows[place]
        box = window_geobox(self._viewer.scenes[scene].geobox, window)
        if box.crs is not None and box.crs == self._crs:
            self._taught.append(_edge_points(box, share.counted(share.read(place))))

    def ask(self, box: GeoBox, mask: np.ndarray) -> None:
        from scipy.spatial import cKDTree

        if box.crs is None or box.crs != self._crs or not self._taught:
            return
        if self._tree is None:
            points = np.concatenate(self._taught)
            if not len(points):
                return
            self._tree = cKDTree(points)
        edge = _edge_points(box, mask)
        if len(edge):
            self._least = min(self._least, float(self._tree.query(edge)[0].min()))


def _edge_points(box: GeoBox, mask: np.ndarray) -> np.ndarray:
    """Centres (N, 2), in the grid's CRS, of a mask's pixels that have a neighbour outside it."""
    from scipy.ndimage import binary_erosion

    rows, cols = np.nonzero(mask & ~binary_erosion(mask))
    a = box.affine
    x, y = cols + 0.5, rows + 0.5
    return np.column_stack([a.a * x + a.b * y + a.c, a.d * x + a.e * y + a.f])


def _class_shares(chips: gpd.GeoDataFrame) -> dict[str, dict[str, float]]:
    """Share of each class in the labelled ground of each part."""
    result: dict[str, dict[str, float]] = {}
    weights = chips["share_labelled"] * chips["width"] * chips["height"]
    for part in dict.fromkeys(chips["split"]):
        rows = chips["split"] == part
        shares: dict[str, float] = {}
        for weight, row in zip(weights[rows], chips.loc[rows, "class_shares"], strict=True):
            for name, share in row.items():
                shares[name] = shares.get(name, 0.0) + float(share) * float(weight)
        total = sum(shares.values()) or 1.0
        result[str(part)] = {name: value / total for name, value in shares.items()}
    return result
