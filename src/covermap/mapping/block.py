"""A block of a map: rows of tiles of a scene, made by a worker of a cluster where it runs."""

from __future__ import annotations

import dataclasses
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio

from covermap import __version__
from covermap.bundle.facts import Bundle
from covermap.bundle.folder import bundle_digest
from covermap.core.errors import BundleError, ClusterError, CovermapError
from covermap.core.grid import Window
from covermap.core.progress import Progress
from covermap.mapping.engines import Engine, opened
from covermap.mapping.filling import Job
from covermap.mapping.memory import GDAL_CACHE_BYTES
from covermap.mapping.pipeline import Rows, StageSeconds
from covermap.mapping.predictor import Predictor
from covermap.mapping.seen import look_at, seen_digest
from covermap.mapping.writing import Layers
from covermap.models.hardware import is_out_of_memory

if TYPE_CHECKING:
    from distributed import Worker

_TELL_SECONDS = 0.5
_SHARED = "bundle and scenes must lie under the same path on all workers"


@dataclass(frozen=True)
class SeenFile:
    """A file as the client sees it, by which a worker knows whether it sees the same."""

    path: Path
    size: int
    mtime_ns: int
    digest: str

    @classmethod
    def of(cls, path: Path) -> SeenFile:
        return cls(*look_at(path), seen_digest(path))

    def is_same_here(self) -> bool:
        """Whether this machine sees the same content; it must see a file."""
        _, size, mtime_ns = look_at(self.path)
        if size != self.size:
            return False
        # A copy is younger, and some file systems round times: only then is the content read.
        return mtime_ns == self.mtime_ns or self.digest == seen_digest(self.path)


@dataclass(frozen=True)
class Block:
    """What a worker is asked for.

    Attributes
    ----------
    job : Job
        Its bundle and scene are files, by absolute paths.
    rows : range
        Rows of tiles that follow each other.
    engine : Engine
        Chosen by the client.
    model_key : str
        Digest of the bundle, by which a worker knows one that it has loaded already.
    topic : str
        Where the worker says how far it is.
    files : tuple of SeenFile
        The scene's files as the client sees them.
    version : str
        Of the client's covermap.
    """

    job: Job
    rows: range
    engine: Engine
    model_key: str
    topic: str
    files: tuple[SeenFile, ...]
    version: str = __version__

    @property
    def name(self) -> str:
        return f"{self.job.scene.name}, rows of tiles {self.rows.start} to {self.rows.stop - 1}"


@dataclass
class MadeBlock(Rows):
    """Numbers as they are written to files, by row of tiles."""

    rows: dict[int, list[tuple[Window, Layers]]] = field(default_factory=dict)
    seconds: StageSeconds = field(default_factory=StageSeconds)

    def begin(self, row: int) -> None:
        """A row without parts."""
        self.rows[row] = []

    def write(self, window: Window, layers: Layers) -> None:
        """Keep a part of the row begun last."""
        self.rows[max(self.rows)].append((window, layers))

    def end(self, row: int, left: np.ndarray | None) -> None:
        """Nothing more to do: what a row leaves for the next one is not sent."""

    def hand_over(self, into: Rows) -> None:
        """Write all rows, from the top."""
        for row, parts in self.rows.items():
            into.begin(row)
            for window, layers in parts:
                into.write(window, layers)
            into.end(row, None)


@dataclass(frozen=True)
class Fault:
    """Why a worker could not make a block: a mistake to be told to the user, or lack of memory.

    Given back, not raised: a worker would print a traceback of what it raises.
    """

    error: CovermapError | MemoryError


def make_block(block: Block) -> MadeBlock | Fault:
    """Make a block; called in a worker of dask.distributed.

    A worker makes one block at a time, with as many threads as dask gives it, so that its memory is
    that of one map.
    """
    from distributed import get_worker

    worker = get_worker()
    with _PROCESS.one_at_a_time:
        bar = _Told(worker, block.topic)
        bar.stop_if_unwanted()
        try:
            _check(block, worker.address)
            made = MadeBlock()
            with rasterio.Env(GDAL_CACHEMAX=GDAL_CACHE_BYTES):
                pipeline = block.job.pipeline(_PROCESS.predictor(block, worker))
                pipeline.fill(block.rows, made, bar)
        except CovermapError as error:
            return Fault(error)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            return Fault(MemoryError(str(error)))
        made.seconds = pipeline.seconds
        return made


def anchored(thing: Any) -> Any:
    """The same scene or bundle with absolute paths, wherever dataclasses hold any."""
    if isinstance(thing, Path):
        return thing.absolute()
    if isinstance(thing, tuple) and type(thing) is tuple:
        return tuple(anchored(item) for item in thing)
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        own = {item.name: getattr(thing, item.name) for item in dataclasses.fields(thing)}
        moved = {name: anchored(value) for name, value in own.items()}
        changed = {name: value for name, value in moved.items() if value is not own[name]}
        return dataclasses.replace(thing, **changed) if changed else thing
    return thing


class UnwantedError(Exception):
    """The client has given the block up."""


class _Told(Progress):
    """Tells the client how far a block is, and ends it when nobody waits for it any more."""

    def __init__(self, worker: Worker, topic: str) -> None:
        self._worker, self._topic = worker, topic
        self._key = worker.get_current_task()
        self._done, self._told = 0.0, time.monotonic()

    def advance(self, amount: float = 1, note: str = "") -> None:
        self.stop_if_unwanted()
        self._done += amount
        if time.monotonic() - self._told > _TELL_SECONDS:
            self._told = time.monotonic()
            self._worker.log_event(self._topic, {"key": str(self._key), "tiles": self._done})

    def stop_if_unwanted(self) -> None:
        # dask cannot stop a running task: it only notes that its result is not wanted.
        task = self._worker.state.tasks.get(self._key)
        if task is None or task.state != "executing":
            raise UnwantedError(f"{self._key} was given up by the client")


class _Process:
    """What a worker process keeps between blocks: the predictor used last."""

    def __init__(self) -> None:
        self.one_at_a_time = threading.Lock()
        self._kept: tuple[tuple[str, Engine, bool], Predictor] | None = None

    def predictor(self, block: Block, worker: Worker) -> Predictor:
        key = block.model_key, block.engine, block.job.settings.tta
        if self._kept is None or self._kept[0] != key:
            self._kept = None
            _check_bundle(block.job.bundle, block.model_key, worker.address)
            self._kept = key, opened_with(block, worker.state.nthreads)
        return self._kept[1]


_PROCESS = _Process()


def opened_with(block: Block, threads: int) -> Predictor:
    """The predictor of a block; it computes with so many threads."""
    import torch

    # OpenVINO is told by what torch has.
    torch.set_num_threads(threads)
    return opened(block.job.bundle, block.engine, block.job.settings.tta)


def _check(block: Block, where: str) -> None:
    if block.version != __version__:
        raise ClusterError(
            f"worker {where} runs covermap {__version__}, expected {block.version} as here; "
            "install the same version on all workers"
        )
    for file in block.files:
        if not file.path.exists():
            raise ClusterError(f"{file.path}: not there on worker {where}; {_SHARED}")
        if not file.is_same_here():
            raise ClusterError(
                f"{file.path}: another file on worker {where} ({file.path.stat().st_size} bytes, "
                f"expected {file.size}, and the same content); {_SHARED}"
            )


def _check_bundle(bundle: Bundle, key: str, where: str) -> None:
    folder = bundle.folder
    assert folder is not None
    if not folder.is_dir():
        raise BundleError(f"{folder}: not there on worker {where}; {_SHARED}")
    if bundle_digest(folder) != key:
        raise BundleError(f"{folder}: another bundle on worker {where}; {_SHARED}")
