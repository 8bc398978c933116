"""How far the model agrees with each polygon that it never saw: where to look for wrong labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from covermap.core.files import complete_file
from covermap.labels.polygons import Polygons
from covermap.labels.protocol import Labels

_COLUMNS = (
    "row",
    "drawn",
    "predicted",
    "agreement",
    "confidence",
    "pixels",
    "longitude",
    "latitude",
)


@dataclass(frozen=True)
class PolygonScore:
    """What an unseen polygon was mapped as.

    `row` is that of the label file, counted from 0; `agreement` the share of its pixels mapped as
    drawn; `confidence` the mean probability of what was mapped.
    """

    row: int
    drawn: str
    predicted: str
    agreement: float
    confidence: float
    pixels: int
    longitude: float
    latitude: float


class DoubtCounts:
    """Counts by polygon, added up window by window."""

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.predicted: dict[int, np.ndarray] = {}
        self.confidence: dict[int, float] = {}

    def add(
        self,
        source: np.ndarray,
        predicted: np.ndarray,
        confidence: np.ndarray,
        counted: np.ndarray,
    ) -> None:
        """Add a window; all arrays (H, W), `confidence` 0..1."""
        rows, place = np.unique(source[counted], return_inverse=True)
        place = place.ravel()
        pairs = place * self.classes + predicted[counted]
        counts = np.bincount(pairs, minlength=len(rows) * self.classes)
        sums = np.bincount(place, weights=confidence[counted], minlength=len(rows))
        for number, row in enumerate(rows.tolist()):
            if row < 0:
                continue
            here = counts[number * self.classes : (number + 1) * self.classes]
            self.predicted[row] = self.predicted.get(row, 0) + here
            self.confidence[row] = self.confidence.get(row, 0.0) + float(sums[number])

    def rows(self, labels: Labels) -> list[PolygonScore]:
        """A score for each polygon, those that the model doubts most first; none for masks."""
        if not isinstance(labels, Polygons):
            return []
        names = labels.legend.names
        centres = labels.in_crs("EPSG:4326").geometry.representative_point()
        scores = []
        for place, counts in self.predicted.items():
            drawn = int(labels.table["index"].iloc[place])
            total = int(counts.sum())
            scores.append(
                PolygonScore(
                    row=int(labels.rows[place]),
                    drawn=names[drawn],
                    predicted=names[int(counts.argmax())],
                    agreement=float(counts[drawn] / total),
                    confidence=self.confidence[place] / total,
                    pixels=total,
                    longitude=round(float(centres.iloc[place].x), 6),
                    latitude=round(float(centres.iloc[place].y), 6),
                )
            )
        # Least agreement first; among equals the surer the model, the likelier the label is wrong.
        return sorted(scores, key=lambda s: (s.agreement, -s.confidence, -s.pixels, s.row))


def write_doubts(path: Path, scores: Sequence[PolygonScore]) -> None:
    """Write the scores as CSV."""
    import csv

    with complete_file(path) as scratch, scratch.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for s in scores:
            writer.writerow(
                [s.row, s.drawn, s.predicted, f"{s.agreement:.4f}", f"{s.confidence:.4f}",
                 s.pixels, s.longitude, s.latitude]
            )  # fmt: skip


def read_doubts(path: Path) -> list[PolygonScore]:
    """Read what `write_doubts` wrote."""
    import csv

    with path.open(newline="", encoding="utf-8") as handle:
        return [
            PolygonScore(
                int(row["row"]), row["drawn"], row["predicted"], float(row["agreement"]),
                float(row["confidence"]), int(row["pixels"]), float(row["longitude"]),
                float(row["latitude"]),
            )
            for row in csv.DictReader(handle)
        ]  # fmt: skip
