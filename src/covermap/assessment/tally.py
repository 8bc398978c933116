"""Counts of reference against prediction that add up: what every score is a function of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from covermap.assessment.sums import SumsByGroup


@dataclass(frozen=True, eq=False)
class Tally:
    """How many pixels of each class were predicted as each class.

    Attributes
    ----------
    matrix : ndarray of int64, shape (K, K)
        Rows are the reference, columns the prediction, both in the legend's order.
    """

    matrix: np.ndarray

    def __post_init__(self) -> None:
        matrix = np.asarray(self.matrix)
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.shape[0] == 0:
            raise ValueError(f"a tally is a square matrix, got shape {matrix.shape}")
        if not np.issubdtype(matrix.dtype, np.integer):
            raise ValueError(f"a tally holds whole counts, got {matrix.dtype}")
        if (matrix < 0).any():
            raise ValueError("a tally holds no negative counts")
        frozen = matrix.astype(np.int64)
        frozen.setflags(write=False)
        object.__setattr__(self, "matrix", frozen)

    @classmethod
    def zero(cls, classes: int) -> Tally:
        """A tally of nothing, which changes no other when added."""
        return cls(np.zeros((classes, classes), np.int64))

    @classmethod
    def of(
        cls, reference: np.ndarray, prediction: np.ndarray, counted: np.ndarray, classes: int
    ) -> Tally:
        """The tally of one window.

        Parameters
        ----------
        reference, prediction : ndarray of int, same shape
            Positions in the legend, 0..K-1 where `counted`; anything elsewhere.
        counted : ndarray of bool, same shape
            Which pixels are scored: valid and labelled.
        classes : int
            K, the length of the legend.

        Raises
        ------
        ValueError
            The shapes differ, or a counted value is no position in the legend.
        """
        pairs = _pairs(reference, prediction, counted, classes)
        counts = np.bincount(pairs, minlength=classes * classes)
        return cls(counts.reshape(classes, classes))

    def __add__(self, other: Tally) -> Tally:
        if self.classes != other.classes:
            raise ValueError(f"tallies of {self.classes} and {other.classes} classes do not add up")
        return Tally(self.matrix + other.matrix)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tally) and np.array_equal(self.matrix, other.matrix)

    def __hash__(self) -> int:
        return hash(self.matrix.tobytes())

    @property
    def classes(self) -> int:
        """K, the length of the legend."""
        return self.matrix.shape[0]

    @property
    def total(self) -> int:
        """How many pixels were counted."""
        return int(self.matrix.sum())

    @property
    def correct(self) -> np.ndarray:
        """Int64 (K,): pixels of each class that were predicted as that class."""
        return np.diagonal(self.matrix)

    @property
    def reference(self) -> np.ndarray:
        """Int64 (K,): pixels of each class in the reference."""
        return self.matrix.sum(axis=1)

    @property
    def prediction(self) -> np.ndarray:
        """Int64 (K,): pixels of each class in the prediction."""
        return self.matrix.sum(axis=0)


@dataclass(frozen=True)
class GroupedTally:
    """One tally a polygon group or block: what intervals are resampled from.

    Pixels of one polygon are alike; the group is what could have been drawn elsewhere.

    Attributes
    ----------
    groups : dict of str to Tally
        All of the same number of classes.
    """

    groups: dict[str, Tally]

    def __post_init__(self) -> None:
        sizes = {tally.classes for tally in self.groups.values()}
        if len(sizes) > 1:
            raise ValueError(f"groups have different numbers of classes: {sorted(sizes)}")

    @classmethod
    def of(
        cls,
        reference: np.ndarray,
        prediction: np.ndarray,
        counted: np.ndarray,
        group: np.ndarray,
        classes: int,
        names: Sequence[str] | None = None,
    ) -> GroupedTally:
        """The tallies of one window, a group for each distinct value of `group`.

        Parameters
        ----------
        reference, prediction, counted, classes
            As for `Tally.of`.
        group : ndarray of int, same shape
            The group of each counted pixel, 0 or more; anything elsewhere.
        names : sequence of str, optional
            The name of group g is `names[g]`; without it, g as text.

        Raises
        ------
        ValueError
            As for `Tally.of`, or a counted pixel belongs to no group (below 0).
        """
        pairs = _pairs(reference, prediction, counted, classes)
        if group.shape != counted.shape:
            raise ValueError(f"group {group.shape} and counted {counted.shape} differ in shape")
        numbers, place = np.unique(group[counted], return_inverse=True)
        if len(numbers) and numbers[0] < 0:
            raise ValueError(f"a counted pixel belongs to group {numbers[0]}, expected 0 or more")
        cells = classes * classes
        counts = np.bincount(place.ravel() * cells + pairs, minlength=len(numbers) * cells)
        matrices = counts.reshape(len(numbers), classes, classes)
        sums: SumsByGroup[str, Tally] = SumsByGroup()
        for number, matrix in zip(numbers.tolist(), matrices, strict=True):
            sums.add(str(number) if names is None else names[number], Tally(matrix))
        return cls(sums.groups)

    def __add__(self, other: GroupedTally) -> GroupedTally:
        sums = SumsByGroup(self.groups)
        for name, tally in other.groups.items():
            sums.add(name, tally)
        return GroupedTally(sums.groups)

    @property
    def pooled(self) -> Tally:
        """All groups as one tally; ValueError when there is none."""
        if not self.groups:
            raise ValueError("no group was counted")
        return Tally(np.sum([tally.matrix for tally in self.groups.values()], axis=0))

    @property
    def counted(self) -> GroupedTally:
        """The groups with at least one pixel, in order of name."""
        return GroupedTally({name: self.groups[name] for name in sorted(self.groups)
                             if self.groups[name].total})  # fmt: skip


class GroupedSum:
    """The grouped tallies of many windows, added up in place: `+` copies all groups each time."""

    def __init__(self) -> None:
        self._sums: SumsByGroup[str, Tally] = SumsByGroup()

    def add(self, found: GroupedTally) -> None:
        """Count a window."""
        for name, tally in found.groups.items():
            self._sums.add(name, tally)

    @property
    def tally(self) -> GroupedTally:
        """What was counted so far."""
        return GroupedTally(dict(self._sums.groups))


def _pairs(
    reference: np.ndarray, prediction: np.ndarray, counted: np.ndarray, classes: int
) -> np.ndarray:
    """Int64 (N,): the cell of the flattened matrix that each counted pixel belongs to."""
    if not reference.shape == prediction.shape == counted.shape:
        raise ValueError(
            f"reference {reference.shape}, prediction {prediction.shape} and counted "
            f"{counted.shape} should have one shape"
        )
    if counted.dtype != np.bool_:
        raise ValueError(f"counted should be bool, got {counted.dtype}")
    row, column = reference[counted].astype(np.int64), prediction[counted].astype(np.int64)
    for name, values in (("reference", row), ("prediction", column)):
        if values.size and (values.min() < 0 or values.max() >= classes):
            raise ValueError(
                f"{name} holds {values.min()}..{values.max()} where counted, expected "
                f"0..{classes - 1}"
            )
    return row * classes + column
