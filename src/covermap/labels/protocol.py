"""What every kind of labels can do; planning, training and scoring ask for no more."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from odc.geo.geobox import GeoBox

from covermap.core.legend import Legend
from covermap.imagery.raster import Scene
from covermap.labels.target import Target


class Labels(Protocol):
    """Anything that can say what is on a grid.

    `sources` is how many objects were drawn (polygons, points), 0 for masks; `drawn` how many of
    each class. `dense` is whether labels may lie anywhere, so that every window is worth reading.
    `files` are all files that the labels depend on; `notes` say what was passed over or chosen.
    """

    @property
    def legend(self) -> Legend: ...
    @property
    def path(self) -> Path: ...
    @property
    def files(self) -> tuple[Path, ...]: ...
    @property
    def notes(self) -> tuple[str, ...]: ...
    @property
    def sources(self) -> int: ...
    @property
    def drawn(self) -> tuple[int, ...]: ...
    @property
    def dense(self) -> bool: ...

    def burn(self, geobox: GeoBox, scene_name: str = "") -> Target:
        """What the labels say of each pixel of a grid, which is a window of the named scene."""
        ...

    def touches(self, geobox: GeoBox, scene_name: str = "") -> bool:
        """Whether some label may lie on a grid; False only when none does."""
        ...

    def checked_on(self, scenes: Sequence[Scene]) -> tuple[str, ...]:
        """What is worth saying of the labels on these scenes, after looking at all of them.

        Raises
        ------
        LabelError
            No label lies on any scene, or one of them is not what the legend says.
        """
        ...


@runtime_checkable
class MergeableLabels(Labels, Protocol):
    """Labels of pixels whose classes can be made fewer: polygons and masks."""

    def merged(self, legend: Legend, places: Sequence[int]) -> MergeableLabels:
        """The same labels with merged classes: class k becomes class `places[k]` of `legend`."""
        ...


class _HasLegend(Protocol):
    @property
    def legend(self) -> Legend: ...


class NothingDrawn:
    """What is true of labels that nobody drew one by one, and that may lie anywhere."""

    @property
    def sources(self) -> int:
        return 0

    @property
    def drawn(self: _HasLegend) -> tuple[int, ...]:
        return (0,) * len(self.legend)

    @property
    def dense(self) -> bool:
        return True
