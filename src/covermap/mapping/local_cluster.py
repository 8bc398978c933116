"""Worker processes of a cluster on this machine."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import resource_tracker
from typing import Any

# A worker takes up to 2 GB for a map, and libraries.
_WORKER_BYTES = 2.5 * 2**30
_SHARE_OF_MEMORY = 0.75


def local_cluster(stack: ExitStack) -> Any:
    """Worker processes on this machine, as many as it has cores and memory for; `stack` ends them.

    Ctrl-C waits until they are there: dask cannot end what is half begun without tracebacks.
    """
    from dask.system import CPU_COUNT
    from distributed import LocalCluster

    from covermap.models.hardware import total_memory

    fitting = int(_SHARE_OF_MEMORY * total_memory() / _WORKER_BYTES)
    workers = max(1, min(CPU_COUNT, fitting))
    with without_interrupts():
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=max(1, CPU_COUNT // workers),
            # A map's memory is bounded by its tiles; dask would stop workers that keep some.
            memory_limit=None,
            host="127.0.0.1",
            dashboard_address=None,
            silence_logs=logging.ERROR,
        )
        stack.enter_context(cluster)
    return cluster


@contextmanager
def without_interrupts() -> Iterator[None]:
    """Threads begun in the block, and processes begun by those, are not told of Ctrl-C.

    A terminal sends it to all processes of a command. This one hears it and ends its workers, which
    would print tracebacks of their own.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # Starting it lifts the block (CPython 3.11), so it has to run before.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
