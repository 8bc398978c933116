"""Chips of a part of the split as samples: what is held out is neither seen nor counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import numpy as np

from covermap.chips.answers import Answers, PixelClasses, Place
from covermap.chips.ground import NO_PART
from covermap.chips.sample import Sample
from covermap.chips.statistics import Statistics, statistics_of
from covermap.chips.view import View, Viewer
from covermap.core.grid import Window

# Samples kept in memory; beyond it they are read again.
_CACHE_BYTES = 1 << 30


@dataclass(frozen=True)
class Share:
    """What one part may see and count, given what is held out from it.

    With `once` a pixel that several windows show counts in the first of them only.
    """

    viewer: Viewer
    windows: tuple[tuple[str, Window], ...]
    count: tuple[str, ...]
    hide: tuple[str, ...]
    once: bool = False

    def read(self, number: int) -> View:
        scene, window = self.windows[number]
        view = self.viewer.view(scene, window)
        if not (self.once and self._shown_before[number]):
            return view
        counting = np.where(self.first_shown(number), view.counting, NO_PART)
        return replace(view, counting=counting.astype(view.counting.dtype))

    def first_shown(self, number: int) -> np.ndarray:
        """Pixels of a window that, with `once`, no window before it shows; bool (H, W)."""
        window = self.windows[number][1]
        first = np.ones(window.shape, dtype=bool)
        if self.once:
            for other in self._shown_before[number]:
                first[other.relative_to(window).slices] = False
        return first

    def seen(self, view: View) -> np.ndarray:
        """Pixels that are really shown to a network; bool (H, W)."""
        return view.inside & ~view.hidden(self.viewer.codes(self.hide))

    def counted(self, view: View) -> np.ndarray:
        """Pixels that enter loss and scores; bool (H, W)."""
        near = view.near(self.viewer.codes(self.hide), self.viewer.ground.buffer_px)
        return view.counted(self.viewer.codes(self.count)) & ~near & self.seen(view)

    def pixels(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Values and validity (C, H, W) of all that is shown, chip by chip."""
        for number in range(len(self.windows)):
            view = self.read(number)
            yield view.raster.values, view.raster.valid & (self.seen(view) & view.usable)

    @cached_property
    def _shown_before(self) -> list[list[Window]]:
        """For each window the parts of it that windows before it show."""
        # Windows of a share are about as large as each other: only neighbours can meet.
        side = max((max(window.shape) for _, window in self.windows), default=1)
        near: dict[tuple[str, int, int], list[Window]] = {}
        found = []
        for scene, window in self.windows:
            row, col = window.row_off // side, window.col_off // side
            around = product((row - 1, row, row + 1), (col - 1, col, col + 1))
            others = [other for place in around for other in near.get((scene, *place), ())]
            shared = (window.intersection(other) for other in others)
            found.append([common for common in shared if common is not None])
            near.setdefault((scene, row, col), []).append(window)
        return found

    def statistics(self) -> Statistics:
        """Statistics of each channel over all valid pixels that are shown."""
        return statistics_of(self.pixels(), self.viewer.channels)


class Chips:
    """Samples of a share, normalised; as many as fit under a lid are kept in memory.

    Parameters
    ----------
    share : Share
    statistics : Statistics
        Of the training ground.
    answers : Answers, optional
        What the task asks of a chip; the class of each pixel by default.
    cache_bytes : int
        The lid.
    """

    def __init__(
        self,
        share: Share,
        statistics: Statistics,
        answers: Answers | None = None,
        cache_bytes: int = _CACHE_BYTES,
    ) -> None:
        self.share = share
        self.statistics = statistics
        self.answers = answers or PixelClasses()
        self._lid = cache_bytes
        self._held = 0
        self._cache: dict[int, Sample] = {}

    def __len__(self) -> int:
        return len(self.share.windows)

    def __getitem__(self, index: int) -> Sample:
        if index in self._cache:
            return self._cache[index]
        sample = self._sample(index)
        size = sum(a.nbytes for a in (sample.values, sample.valid, sample.target, sample.counted))
        # Epochs go through all chips: keeping the first ones serves as many hits as any other rule.
        if self._held + size <= self._lid:
            self._cache[index] = sample
            self._held += size
        return sample

    def _sample(self, index: int) -> Sample:
        view = self.share.read(index)
        seen = self.share.seen(view) & view.usable
        scene, window = self.share.windows[index]
        place = Place(self.share.viewer.scenes[scene], window, view, self.share.counted(view))
        answer = self.answers.of(place)
        return Sample(
            values=self.statistics.normalise(view.raster.values, view.raster.valid & seen),
            valid=seen,
            target=answer.target,
            counted=answer.counted,
        )


def share_of(
    viewer: Viewer,
    windows: Sequence[tuple[str, Window]],
    count: Sequence[str],
    hide: Sequence[str],
    once: bool = False,
) -> Share:
    """A share of the windows that hold labels of the parts `count`."""
    return Share(viewer, tuple(windows), tuple(count), tuple(hide), once)
