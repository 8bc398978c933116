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
from covermap.core.grid import Window, whole

# Samples kept in memory; beyond it they are read again.
_CACHE_BYTES = 1 << 30


@dataclass(frozen=True)
class Share:
    """What one part may see and count, given what is held out from it.

    With `once` a pixel that several windows show counts in the first of them only. With `around`
    each window is shown with so many pixels on each side of it, in which nothing counts.
    """

    viewer: Viewer
    windows: tuple[tuple[str, Window], ...]
    count: tuple[str, ...]
    hide: tuple[str, ...]
    once: bool = False
    around: int = 0

    def within(self, around: int) -> Share:
        """The same windows in their surroundings, as the tiles of a map show them.

        The share itself where nothing lies around any of them (whole pictures), and where a window
        stands for a region, of which only its own box is to be seen.
        """
        alike = around == self.around or bool(self.viewer.regions)
        if alike or not any(map(self.goes_on, range(len(self.windows)))):
            return self
        return replace(self, around=around)

    @property
    def scenes(self) -> tuple[str, ...]:
        """Names of the scenes that its windows lie in, each once."""
        return tuple(dict.fromkeys(scene for scene, _ in self.windows))

    @property
    def overlaps(self) -> bool:
        """Whether two of its windows show a common pixel."""
        return any(self._shown_before)

    def goes_on(self, number: int) -> bool:
        """Whether the scene goes on beyond a window."""
        scene, window = self.windows[number]
        own = whole(self.viewer.scenes[scene].geobox)
        return own != own.intersection(window)

    def shown(self, number: int) -> Window:
        """What is read for a window: the window and what is around it."""
        return self.windows[number][1].expanded(self.around)

    def inner(self, number: int) -> tuple[slice, slice]:
        """Where the window lies in what is shown for it."""
        return self.windows[number][1].relative_to(self.shown(number)).slices

    def read(self, number: int) -> View:
        """What is shown for a window."""
        view = self.viewer.view(self.windows[number][0], self.shown(number))
        if not (self.around or (self.once and self._shown_before[number])):
            return view
        first = np.zeros(view.counting.shape, dtype=bool)
        first[self.inner(number)] = self.first_shown(number)
        counting = np.where(first, view.counting, NO_PART)
        return replace(view, counting=counting.astype(view.counting.dtype))

    def first_shown(self, number: int) -> np.ndarray:
        """Pixels of a window that, with `once`, no window before it shows; bool (H, W).

        Windows of regions are labelled by their own polygons alone: no pixel counts in two.
        """
        window = self.windows[number][1]
        first = np.ones(window.shape, dtype=bool)
        if self.once and not self.viewer.regions:
            for other in self._shown_before[number]:
                first[other.relative_to(window).slices] = False
        return first

    def seen(self, view: View) -> np.ndarray:
        """Pixels that are really shown to a network; bool (H, W)."""
        return view.inside & ~view.hidden(self.viewer.codes(self.hide))

    def counted(self, view: View) -> np.ndarray:
        """Pixels that enter loss and scores; bool (H, W)."""
        near = view.near(self.viewer.codes(self.hide), view.buffer)
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

    @property
    def alone(self) -> Chips:
        """The same chips without what is shown around them."""
        return self.within(0)

    def within(self, around: int) -> Chips:
        """The same chips in their surroundings; see `Share.within`."""
        return self._of(self.share.within(around))

    def some(self, places: Sequence[int]) -> Chips:
        """Some of the chips."""
        windows = tuple(self.share.windows[place] for place in places)
        return self._of(replace(self.share, windows=windows))

    def _of(self, share: Share) -> Chips:
        if share is self.share:
            return self
        return Chips(share, self.statistics, self.answers, self._lid)

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
        share = self.share
        view = share.read(index)
        seen = share.seen(view) & view.usable
        scene = share.viewer.scenes[share.windows[index][0]]
        answer = self.answers.of(Place(scene, share.shown(index), view, share.counted(view)))
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
