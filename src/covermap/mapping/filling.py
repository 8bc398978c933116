"""What is computed of a map, and how its scratch files are filled by this process."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from covermap.core.area import Ground
from covermap.core.errors import OutputError
from covermap.core.grid import Window
from covermap.core.progress import progress
from covermap.imagery.raster import Scene
from covermap.mapping.ledger import Ledger
from covermap.mapping.pipeline import Pipeline, StageSeconds, tile_count
from covermap.mapping.predictor import Predictor
from covermap.mapping.settings import MapSettings
from covermap.mapping.source import Source
from covermap.mapping.tiles import TilePlan
from covermap.mapping.writing import Layers, Scratch, ScratchWriter

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from covermap.bundle.facts import Bundle


@dataclass(frozen=True)
class Job:
    """All that the pixels of a map depend on, the predictor aside.

    Attributes
    ----------
    scene : Scene
    bundle : Bundle
    plan : TilePlan
    area : shapely geometry or None
        The wanted part of the scene, in its CRS.
    settings : MapSettings
    batch : int
        Tiles that go through the network together.
    """

    scene: Scene
    bundle: Bundle
    plan: TilePlan
    area: BaseGeometry | None
    settings: MapSettings
    batch: int

    def pipeline(self, predictor: Predictor) -> Pipeline:
        ground = Ground(self.scene.geobox, self.area)
        source = Source(self.scene, self.bundle, self.plan, ground)
        return Pipeline(source, predictor, self.settings, self.batch)


# Makes the rows of a job that the ledger lacks; the last argument is a title for the progress bar.
Filler = Callable[[Job, Predictor, Scratch, Ledger, str], StageSeconds]


def fill_here(
    job: Job, predictor: Predictor, scratch: Scratch, ledger: Ledger, title: str
) -> StageSeconds:
    """Make the rows of tiles that the ledger lacks in this process."""
    pipeline, missing = job.pipeline(predictor), ledger.missing(job.plan.rows.count)
    above = {rows: ledger.left_by(rows.start - 1) for rows in missing}
    total = sum(tile_count(job.plan, rows, above[rows]) for rows in missing)
    with ScratchRows(scratch, ledger) as into, progress(title, total, "tiles") as bar:
        for rows in missing:
            pipeline.fill(rows, into, bar, above.pop(rows))
    return pipeline.seconds


class ScratchRows(AbstractContextManager["ScratchRows"]):
    """Writes rows to scratch files; each is noted in the ledger when its pixels are on disk."""

    def __init__(self, scratch: Scratch, ledger: Ledger) -> None:
        self._scratch, self._ledger = scratch, ledger
        self._files = ExitStack()
        self._writer: ScratchWriter | None = None

    def begin(self, row: int) -> None:
        """Open the files."""
        self._writer = self._files.enter_context(self._scratch.opened())

    def write(self, window: Window, layers: Layers) -> None:
        """Write a part of the row."""
        assert self._writer is not None
        self._writer.write(window, layers)

    def end(self, row: int, left: np.ndarray | None) -> None:
        """Close the files and note the row, and what it leaves for the one below."""
        self._files.close()
        if left is not None:
            self._ledger.keep_left(row, left)
        self._ledger = self._ledger.noted(range(row, row + 1))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # After a fault only that counts, not what closing half a row says.
        with suppress(OutputError) if kind else nullcontext():
            self._files.close()
