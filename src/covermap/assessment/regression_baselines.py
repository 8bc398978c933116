"""What a regression must beat: the mean of training, and the mean by distance from an edge."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class MeansByDistance:
    """Sums of the truth of training cells by whole distance from the edge; add up.

    A density that is high in the middle of each patch is predicted well by a rule that looks at no
    image; a network must do better than that.

    Attributes
    ----------
    sums : dict of int to (float, int)
        Sum of the truth and number of cells, by distance in cells rounded down.
    """

    sums: dict[int, tuple[float, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, truth: np.ndarray, distance: np.ndarray, counted: np.ndarray) -> MeansByDistance:
        """The sums of one window of training ground.

        Parameters
        ----------
        truth : ndarray of float, shape (H, W)
        distance : ndarray of float, shape (H, W)
            See `distance_to_edge`.
        counted : ndarray of bool, shape (H, W)
            Valid labelled training cells.
        """
        whole = np.floor(distance[counted]).astype(np.int64)
        counts = np.bincount(whole)
        sums = np.bincount(whole, weights=truth[counted].astype(np.float64))
        return cls({int(n): (float(sums[n]), int(counts[n])) for n in np.flatnonzero(counts)})

    def __add__(self, other: MeansByDistance) -> MeansByDistance:
        merged = dict(self.sums)
        for place, (value, count) in other.sums.items():
            mine = merged.get(place, (0.0, 0))
            merged[place] = (mine[0] + value, mine[1] + count)
        return MeansByDistance(dict(sorted(merged.items())))

    @property
    def mean(self) -> float:
        """Mean truth of all cells: the plainest baseline; ValueError without a cell."""
        count = sum(number for _, number in self.sums.values())
        if not count:
            raise ValueError("no training cell was counted")
        return sum(value for value, _ in self.sums.values()) / count

    def predicted(self, distance: np.ndarray) -> np.ndarray:
        """Float32, of the shape of `distance`: the training mean at the nearest known distance."""
        known = np.array(sorted(self.sums))
        if not len(known):
            raise ValueError("no training cell was counted")
        means = np.array([self.sums[int(n)][0] / self.sums[int(n)][1] for n in known])
        whole = np.floor(distance)
        right = np.clip(np.searchsorted(known, whole), 0, len(known) - 1)
        left = np.maximum(right - 1, 0)
        nearer = np.abs(whole - known[left]) < np.abs(known[right] - whole)
        return means[np.where(nearer, left, right)].astype(np.float32)


def distance_to_edge(valid: np.ndarray) -> np.ndarray:
    """Distance of each valid cell to the nearest invalid one or to the border, in cells.

    Float32 (H, W): 1 for cells at the edge, 0 for invalid ones.

    Parameters
    ----------
    valid : ndarray of bool, shape (H, W)
        Of a whole region or chip: beyond its border nothing is valid.
    """
    from scipy.ndimage import distance_transform_edt

    padded = np.pad(valid, 1)
    return np.asarray(distance_transform_edt(padded)[1:-1, 1:-1], dtype=np.float32)
