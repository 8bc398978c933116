"""Maps made by the workers of a dask cluster: on this machine, or wherever a scheduler has some."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import itertools
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from covermap.core.errors import ClusterError, CovermapError
from covermap.core.progress import Progress, progress, say
from covermap.mapping.block import Block, Fault, MadeBlock, SeenFile, anchored, make_block
from covermap.mapping.engines import Engine
from covermap.mapping.filling import Job, ScratchRows
from covermap.mapping.ledger import Ledger
from covermap.mapping.local_cluster import local_cluster
from covermap.mapping.pipeline import StageSeconds, tile_count
from covermap.mapping.predictor import Predictor
from covermap.mapping.seen import seen_bundle_digest
from covermap.mapping.writing import Layer, Scratch

if TYPE_CHECKING:
    from distributed import Client, Future

LOCAL = "local"
T = TypeVar("T")

_CONNECT_SECONDS = 10
# How long a cluster may be without any worker: those of a batch system have to queue.
_PATIENCE_SECONDS = 300.0
_LOOK_SECONDS = 2.0
# What a block's numbers may take on their way to the client.
_LARGEST_RESULT = 256 * 2**20
# Each scene at once is a thread and open files here.
_MOST_SCENES = 32


@contextmanager
def opened_cluster(address: str, scenes: int = 1) -> Iterator[Cluster]:
    """A cluster, for as long as the block lasts.

    Parameters
    ----------
    address : str
        `local` starts worker processes on this machine; else a scheduler's, `tcp://host:8786`.
    scenes : int
        How many are going to be mapped.

    Raises
    ------
    ClusterError
        dask is not installed, or nobody answers.
    """
    try:
        import distributed
    except ImportError:
        raise ClusterError(
            "--cluster needs dask.distributed, which is not installed: "
            "pip install 'covermap[cluster]'"
        ) from None
    if address != LOCAL and "://" not in address:
        raise ClusterError(
            f"--cluster {address}: expected local, or the address of a scheduler such as "
            "tcp://host:8786"
        )
    with ExitStack() as stack:
        try:
            target = local_cluster(stack) if address == LOCAL else address
            client = distributed.Client(target, timeout=_CONNECT_SECONDS, set_as_default=False)
            stack.enter_context(client)
        except (OSError, ValueError, TimeoutError) as error:
            raise ClusterError(
                f"--cluster {address}: no scheduler answers ({_first_line(error)}); start one "
                "(dask scheduler) and workers (dask worker ADDRESS), or give --cluster local"
            ) from None
        cluster = Cluster(client, address, scenes)
        say(f"cluster: {cluster.told}")
        yield cluster


class Cluster:
    """The workers of a cluster, for maps of several scenes at once.

    Parameters
    ----------
    client : distributed.Client
    address : str
        As the user named it.
    scenes : int
        How many are going to be mapped.
    """

    def __init__(self, client: Client, address: str, scenes: int = 1) -> None:
        self._client, self._address = client, address
        self._topic = f"covermap-{uuid.uuid4().hex}"
        self._stop = threading.Event()
        self._watch = _Watch(client, address)
        # Results are fetched and written one at a time: memory here holds one.
        self._fetching = threading.Lock()
        self._bars: dict[str, _BlockBar] = {}
        self._together: Progress | None = None
        self.at_once = max(1, min(scenes, 2 * self._workers, _MOST_SCENES))
        client.subscribe_topic(self._topic, self._heard)

    @property
    def told(self) -> str:
        """Examples: `2 workers, 1 scene at a time (local)`."""
        workers, scenes = self._watch.workers(), self.at_once
        return (
            f"{workers} worker{'' if workers == 1 else 's'}, "
            f"{scenes} scene{'' if scenes == 1 else 's'} at a time ({self._address})"
        )

    def each(self, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """Results of tasks that map a scene each, in order, several at once.

        The first fault, or Ctrl-C, gives all others up.
        """
        if len(tasks) == 1:
            return [tasks[0]()]
        with (
            progress("Mapping", len(tasks), "scenes") as self._together,
            ThreadPoolExecutor(self.at_once) as pool,
        ):
            results = [pool.submit(task) for task in tasks]
            try:
                while True:
                    done, left = concurrent.futures.wait(
                        results, _LOOK_SECONDS, concurrent.futures.FIRST_EXCEPTION
                    )
                    for result in done:
                        result.result()
                    if not left:
                        return [result.result() for result in results]
            except BaseException:
                self._stop.set()
                pool.shutdown(wait=True, cancel_futures=True)
                raise
            finally:
                self._together = None

    def fill(
        self, job: Job, predictor: Predictor, scratch: Scratch, ledger: Ledger, title: str
    ) -> StageSeconds:
        """Have the rows of tiles that the ledger lacks made by workers; as `fill_here`.

        Raises
        ------
        ClusterError
            Workers or scheduler are lost for good.
        CovermapError
            What a worker could not do, as told by it.
        """
        missing = ledger.missing(job.plan.rows.count)
        size = self._rows_a_block(job, scratch.layers)
        spans = [
            range(start, min(start + size, rows.stop))
            for rows in missing
            for start in range(rows.start, rows.stop, size)
        ]
        total = sum(tile_count(job.plan, span) for span in spans)
        with ScratchRows(scratch, ledger) as into, self._bar(title, total) as bar:
            return self._filled(self._blocks(job, predictor, spans), into, bar)

    def _filled(self, blocks: Iterator[Block], into: ScratchRows, bar: Progress) -> StageSeconds:
        seconds = StageSeconds()
        pending: dict[Future, Block] = {}
        try:
            while True:
                for block in itertools.islice(blocks, max(0, self._in_flight() - len(pending))):
                    pending[self._submitted(block, bar)] = block
                if not pending:
                    return seconds
                for future in self._ready(list(pending)):
                    seconds += self._made(future, pending.pop(future), into).seconds
                    self._bars.pop(future.key).finish()
                    future.release()
        finally:
            for future in pending:
                self._bars.pop(future.key, None)
            if pending:
                # A scheduler that is lost cannot be told.
                with contextlib.suppress(Exception):
                    self._client.cancel(list(pending), force=True)

    def _blocks(self, job: Job, predictor: Predictor, spans: list[range]) -> Iterator[Block]:
        bundle = anchored(job.bundle)
        scene = anchored(job.scene)
        key = seen_bundle_digest(bundle.folder)
        files = tuple(SeenFile.of(path) for path in scene.files if path.is_file())
        work = Job(scene, bundle, job.plan, job.area, job.settings, job.batch)
        engine = Engine(predictor.engine, predictor.precision)
        for span in spans:
            yield Block(work, span, engine, key, self._topic, files)

    def _submitted(self, block: Block, bar: Progress) -> Future:
        key = f"{block.job.scene.name}-{block.rows.start}-{uuid.uuid4().hex}"
        self._bars[key] = _BlockBar(bar, tile_count(block.job.plan, block.rows))
        # No `retries`: dask makes blocks of lost workers again by itself, and what a worker says
        # of a file is as true the second time.
        return self._client.submit(make_block, block, key=key, pure=False)

    def _ready(self, pending: list[Future]) -> list[Future]:
        """Those that are done; waits until there is one, and looks after the cluster meanwhile."""
        import distributed

        while True:
            if self._stop.is_set():
                raise ClusterError(f"--cluster {self._address}: given up")
            ready = [future for future in pending if future.status != "pending"]
            if ready:
                return ready
            self._watch.look()
            with self._client.as_current(), contextlib.suppress(TimeoutError, asyncio.TimeoutError):
                distributed.wait(pending, timeout=_LOOK_SECONDS / 4, return_when="FIRST_COMPLETED")

    def _made(self, future: Future, block: Block, into: ScratchRows) -> MadeBlock:
        from distributed import KilledWorker

        with self._fetching:
            try:
                made = future.result()
            except KilledWorker as error:
                raise ClusterError(
                    f"{block.name}: {error.allowed_failures + 1} workers died while computing it, "
                    "most likely for lack of memory; give workers more, or choose a smaller --tile"
                ) from None
            except ImportError as error:
                raise ClusterError(
                    f"--cluster {self._address}: a worker lacks what it needs ({error}); install "
                    "covermap on all workers, with the same versions as here"
                ) from None
            except (concurrent.futures.CancelledError, OSError) as error:
                raise ClusterError(
                    f"{block.name}: the scheduler {self._address} was lost "
                    f"({_first_line(error)}); the same command goes on from here"
                ) from None
            if isinstance(made, Fault):
                raise made.error
            made.hand_over(into)
            return made

    @property
    def _workers(self) -> int:
        # A deployment that adapts starts workers only when it has more than one block to make.
        return max(2, self._watch.workers())

    def _rows_a_block(self, job: Job, layers: Sequence[Layer]) -> int:
        """Rows of tiles that a worker makes at a time.

        Each block makes the row above it again, so few are best: one for each worker, or two
        where the workers have several scenes to make.
        """
        rows = job.plan.rows
        blocks = self._workers if self.at_once == 1 else -(-2 * self._workers // self.at_once)
        widths = sum(_bytes_of(layer) for layer in layers)
        fitting = _LARGEST_RESULT // max(1, rows.step * job.plan.cols.length * widths)
        return max(1, min(-(-rows.count // blocks), fitting))

    def _in_flight(self) -> int:
        """Blocks of one scene that may be on their way: workers never wait, memory is bounded."""
        return -(-2 * self._workers // self.at_once)

    @contextmanager
    def _bar(self, title: str, total: int) -> Iterator[Progress]:
        if self._together is not None:
            yield _Share(self._together, total)
            return
        with progress(title, total, "tiles") as bar:
            yield bar

    def _heard(self, event: tuple[float, Any]) -> None:
        message = event[1]
        bar = self._bars.get(message["key"])
        if bar is not None:
            bar.reach(message["tiles"])


@dataclass
class _BlockBar:
    """How far a block is; when it is made again, what was told before is not told twice."""

    bar: Progress
    total: float
    done: float = 0.0

    def reach(self, done: float) -> None:
        if done > self.done:
            self.bar.advance(done - self.done)
            self.done = done

    def finish(self) -> None:
        self.reach(self.total)


class _Share(Progress):
    """A scene as one step of a bar of scenes."""

    def __init__(self, bar: Progress, total: int) -> None:
        self._bar, self._total = bar, max(1, total)

    def advance(self, amount: float = 1, note: str = "") -> None:
        self._bar.advance(amount / self._total, note)


@dataclass
class _Watch:
    """Looks after a cluster: is the scheduler there, has it any worker."""

    client: Client
    address: str
    _count: int = 0
    _looked: float = -1e9
    _seen: float = field(default_factory=time.monotonic)
    _told: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def workers(self) -> int:
        """How many there are, or were a moment ago."""
        self.look()
        return self._count

    def look(self) -> None:
        """Note how many workers there are.

        Raises
        ------
        ClusterError
            The scheduler is lost, or there has been no worker for long.
        """
        with self._lock:
            now = time.monotonic()
            if now - self._looked < _LOOK_SECONDS:
                return
            self._looked = now
            try:
                self._count = len(self.client.nthreads())
            except (OSError, RuntimeError, AttributeError, CovermapError) as error:
                raise ClusterError(
                    f"--cluster {self.address}: the scheduler was lost ({_first_line(error)}); the "
                    "same command goes on from here"
                ) from None
            if self._count:
                self._seen, self._told = now, False
            elif now - self._seen > _PATIENCE_SECONDS:
                raise ClusterError(
                    f"--cluster {self.address}: no worker for {_PATIENCE_SECONDS:.0f} s; start "
                    f"some (dask worker {self.address}); the same command goes on from here"
                )
            elif not self._told:
                self._told = True
                say(f"cluster: no worker at {self.address}, waiting {_PATIENCE_SECONDS:.0f} s")


def _bytes_of(layer: Layer) -> int:
    import numpy as np

    return len(layer.bands) * np.dtype(layer.dtype).itemsize


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
