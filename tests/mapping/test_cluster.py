"""Maps made by a real scheduler and worker processes: the same bytes, whoever is lost meanwhile."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import resource_tracker
from pathlib import Path

import numpy as np
import pytest

from covermap.bundle.folder import write_bundle
from covermap.core.errors import BundleError, ClusterError, ImageryError, ModelError
from covermap.imagery.opening import open_scene
from covermap.mapping import cluster as module
from covermap.mapping.cluster import Cluster, opened_cluster
from covermap.mapping.engine import map_scene
from covermap.mapping.filling import fill_here
from covermap.mapping.local_cluster import without_interrupts
from covermap.mapping.settings import MapSettings
from oracle_predictors import tiny_bundle
from oracle_worker import Smooth
from tiny import write_scene

pytest.importorskip("distributed")
pytestmark = pytest.mark.slow

TESTS = Path(__file__).resolve().parents[1]
BANDS = ("B02", "B03")
COUNTER = itertools.count()
TILED = MapSettings(tile=64, outputs=("confidence", "probability"))


@dataclass
class Deployment:
    """A scheduler and its workers, each a process."""

    folder: Path
    processes: list[subprocess.Popen]

    @property
    def address(self) -> str:
        import json

        return json.loads((self.folder / "scheduler.json").read_text())["address"]

    def start(self, *words: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *words, "--scheduler-file", "scheduler.json"],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(TESTS)])},
            stderr=(self.folder / "log.txt").open("a"),
        )
        self.processes.append(process)
        return process

    def start_worker(self) -> subprocess.Popen:
        return self.start(
            "worker", "--no-nanny", "--nthreads", "1", "--no-dashboard",
            "--preload", str(TESTS / "oracle_worker.py"),
        )  # fmt: skip

    def end(self) -> None:
        for process in reversed(self.processes):
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def deployment(tmp_path_factory):
    deployed = Deployment(tmp_path_factory.mktemp("cluster"), [])
    try:
        deployed.start("scheduler", "--host", "tcp://127.0.0.1", "--port", "0", "--no-dashboard")
        deployed.start_worker()
        deployed.start_worker()
        deadline = time.monotonic() + 120
        while not (deployed.folder / "scheduler.json").exists():
            assert time.monotonic() < deadline, (deployed.folder / "log.txt").read_text()
            time.sleep(0.1)
        yield deployed
    finally:
        deployed.end()


@pytest.fixture
def workers(deployment):
    """The cluster, once it has its two workers."""
    while deployment.processes[1:] and sum(p.poll() is None for p in deployment.processes[1:]) < 2:
        deployment.start_worker()
    with opened_cluster(deployment.address) as cluster:
        cluster._client.wait_for_workers(2, timeout=120)
        yield cluster


def scene_in(folder: Path, name: str = "scene", seed: int = 0, **more: object):
    path = folder / f"{name}.tif"
    write_scene(path, height=300, width=130, bands=BANDS, scale=0.0001, nodata=0, seed=seed, **more)
    return open_scene(path)


def bundle_in(folder: Path, **asked: object):
    facts = replace(tiny_bundle(mean=0.15, std=0.1), trained_on=asked)
    # Other weights each time: workers keep what they have loaded.
    weights = {"a": np.array([next(COUNTER)])}
    written = write_bundle(folder / "bundle", replace(facts, trained_on={}), weights)
    return replace(written, trained_on=asked)


def mapped(scene, bundle, out: Path, fill=fill_here, settings=TILED) -> dict[str, bytes]:
    out.mkdir(exist_ok=True)
    map_scene(scene, bundle, Smooth(), out / "map.tif", settings, title="m", key="k", fill=fill)
    return {path.name: path.read_bytes() for path in sorted(out.iterdir())}


def test_the_bytes_are_those_of_this_process_also_from_relative_paths(
    tmp_path, workers, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    scene, bundle = scene_in(Path()), bundle_in(Path())
    assert mapped(scene, bundle, tmp_path / "there", workers.fill) == mapped(
        scene, bundle, tmp_path / "here"
    )


def test_a_worker_killed_in_the_middle_changes_nothing(tmp_path, workers, deployment):
    scene, flag = scene_in(tmp_path), tmp_path / "die"
    flag.touch()
    bundle = bundle_in(tmp_path, die=str(flag))
    there = mapped(scene, bundle, tmp_path / "there", workers.fill)
    assert not flag.exists()
    deadline = time.monotonic() + 60
    while all(process.poll() is None for process in deployment.processes):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert there == mapped(scene, bundle_in(tmp_path), tmp_path / "here")


def test_a_killed_client_goes_on_to_the_same_bytes(tmp_path, workers, monkeypatch):
    scene, bundle, out = scene_in(tmp_path), bundle_in(tmp_path), tmp_path / "there"
    made, hand_over = [], module.MadeBlock.hand_over

    def stop_at_the_second(block, into):
        made.append(sorted(block.rows))
        if len(made) == 2:
            raise KeyboardInterrupt
        hand_over(block, into)

    with monkeypatch.context() as patch:
        patch.setattr(module.MadeBlock, "hand_over", stop_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            mapped(scene, bundle, out, workers.fill)
    made.clear()
    monkeypatch.setattr(
        module.MadeBlock, "hand_over", lambda b, into: made.append(b) or hand_over(b, into)
    )
    assert mapped(scene, bundle, out, workers.fill) == mapped(scene, bundle, tmp_path / "here")
    assert len(made) == 1


def test_a_damaged_scene_is_named_and_the_others_are_given_up_d48(tmp_path, workers):
    good = scene_in(tmp_path, "good")
    bad = scene_in(tmp_path, "bad", 1, tiled=True, blockxsize=64, blockysize=64, compress="deflate")
    path = tmp_path / "bad.tif"
    content = path.read_bytes()
    half = len(content) // 2
    path.write_bytes(content[: half - 9000] + b"\xff" * 18_000 + content[half + 9000 :])
    # In a folder of its own: bundles are read while the other map begins.
    bundle, slow = bundle_in(tmp_path), bundle_in(tmp_path / "slow", wait=2)
    several = Cluster(workers._client, "test", scenes=2)
    tasks = [
        lambda: mapped(bad, bundle, tmp_path / "bad-map", several.fill),
        lambda: mapped(good, slow, tmp_path / "good-map", several.fill),
    ]
    with pytest.raises(ImageryError, match=r"bad\.tif: damaged or cut short"):
        several.each(tasks)
    assert not (tmp_path / "bad-map" / "map.tif").exists()
    idle(workers)


def test_several_scenes_at_once_are_the_maps_of_each(tmp_path, workers):
    scenes = [scene_in(tmp_path, f"scene{number}", number) for number in range(3)]
    bundle = bundle_in(tmp_path)
    several = Cluster(workers._client, "test", scenes=3)
    tasks = [
        lambda scene=scene: mapped(scene, bundle, tmp_path / f"{scene.name}-there", several.fill)
        for scene in scenes
    ]
    assert several.each(tasks) == [
        mapped(scene, bundle, tmp_path / f"{scene.name}-here") for scene in scenes
    ]


def test_blocks_that_come_back_one_by_one_end_the_map(tmp_path, workers, monkeypatch):
    monkeypatch.setattr(Cluster, "_in_flight", lambda self: 1)
    scene, bundle = scene_in(tmp_path), bundle_in(tmp_path)
    there = mapped(scene, bundle, tmp_path / "there", workers.fill)
    assert there == mapped(scene, bundle, tmp_path / "here")


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (ModelError("the network gives no numbers"), ModelError),
        # A fault of the program keeps its traceback.
        (ZeroDivisionError("by nought"), ZeroDivisionError),
    ],
)
def test_a_fault_of_a_worker_arrives_here(tmp_path, workers, error, raised):
    bundle = bundle_in(tmp_path, fail_at=3, error=error)
    with pytest.raises(raised, match=str(error)):
        mapped(scene_in(tmp_path), bundle, tmp_path / "there", workers.fill)
    assert not (tmp_path / "there" / "map.tif").exists()


def test_a_worker_without_memory_gets_smaller_tiles(tmp_path, workers, capsys):
    bundle = bundle_in(tmp_path, fail_at=1, error=MemoryError("no room"))
    settings = MapSettings(outputs=("confidence",))
    mapped(scene_in(tmp_path), bundle, tmp_path / "there", workers.fill, settings)
    assert "memory ran out, going on with" in capsys.readouterr().err


@pytest.mark.parametrize(
    "what", ["scene", "other scene", "other scene as large", "bundle", "other bundle"]
)
def test_files_that_workers_do_not_see_are_named(tmp_path, workers, monkeypatch, what):
    scene, bundle = scene_in(tmp_path), bundle_in(tmp_path)
    blocks = Cluster._blocks

    def moved(self, *arguments):
        for block in blocks(self, *arguments):
            if what == "scene":
                (tmp_path / "scene.tif").rename(tmp_path / "gone.tif")
            elif what == "other scene":
                (tmp_path / "scene.tif").write_bytes(b"short")
            elif what == "other scene as large":
                scene_in(tmp_path, seed=1)
            elif what == "bundle":
                (tmp_path / "bundle").rename(tmp_path / "gone")
            else:
                block = replace(block, model_key="another")
            yield block
            return

    monkeypatch.setattr(Cluster, "_blocks", moved)
    place = r"bundle: " if "bundle" in what else r"scene\.tif: "
    told = "another" if "other" in what else "not there"
    with pytest.raises(
        (ClusterError, BundleError), match=rf"{place}{told}.* on worker tcp.* same path on all"
    ):
        mapped(scene, bundle, tmp_path / "there", workers.fill)


def test_another_version_on_a_worker_is_told(tmp_path, workers, monkeypatch):
    blocks = Cluster._blocks
    monkeypatch.setattr(
        Cluster, "_blocks", lambda *a: (replace(block, version="0.0.1") for block in blocks(*a))
    )
    with pytest.raises(ClusterError, match=r"runs covermap .*, expected 0\.0\.1"):
        mapped(scene_in(tmp_path), bundle_in(tmp_path), tmp_path / "there", workers.fill)


def test_what_is_given_up_stops_on_the_workers(tmp_path, workers, monkeypatch):
    bundle = bundle_in(tmp_path, wait=0.3)

    def interrupt(*arguments):
        if running(workers):
            raise KeyboardInterrupt

    monkeypatch.setattr(workers._watch, "look", interrupt)
    with pytest.raises(KeyboardInterrupt):
        mapped(scene_in(tmp_path), bundle, tmp_path / "there", workers.fill)
    idle(workers)


def running(cluster) -> int:
    """Blocks that workers are at."""
    counts = cluster._client.run(lambda dask_worker: len(dask_worker.active_threads))
    return sum(counts.values())


def idle(cluster) -> None:
    deadline = time.monotonic() + 60
    while running(cluster):
        assert time.monotonic() < deadline, "workers go on with what nobody wants"
        time.sleep(0.1)


def test_a_cluster_without_workers_is_told(tmp_path, monkeypatch):
    from distributed import LocalCluster

    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.2)
    before = threading.active_count()
    with (
        LocalCluster(
            n_workers=0, processes=False, dashboard_address=None, host="tcp://127.0.0.1"
        ) as empty,
        opened_cluster(empty.scheduler_address) as cluster,
        pytest.raises(ClusterError, match=r"no worker for 0 s; start some \(dask worker tcp"),
    ):
        mapped(scene_in(tmp_path), bundle_in(tmp_path), tmp_path / "there", cluster.fill)
    assert threading.active_count() <= before + 8


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("cluster", "expected local, or the address"),
        ("tcp://127.0.0.1:1", "no scheduler answers"),
        ("nonsense://x", "no scheduler answers"),
    ],
)
def test_an_address_where_nobody_is_says_what_to_do(address, told, monkeypatch):
    monkeypatch.setattr(module, "_CONNECT_SECONDS", 1)
    with pytest.raises(ClusterError, match=told), opened_cluster(address):
        pass


def test_without_dask_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(ClusterError, match=r"pip install 'covermap\[cluster\]'"),
        opened_cluster("local"),
    ):
        pass


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="no masks of signals here")
def test_processes_begun_for_a_cluster_do_not_hear_of_ctrl_c():
    def mask():
        # What begins a process does so first, and it may lift the block.
        resource_tracker.ensure_running()
        return signal.pthread_sigmask(signal.SIG_BLOCK, [])

    with without_interrupts(), ThreadPoolExecutor(1) as pool:
        inside = pool.submit(mask).result()
    assert signal.SIGINT in inside
    assert signal.SIGINT not in mask()
