"""Scenes, trained bundles and untiled maps for measuring, made once in a folder and kept."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

BANDS = "B02,B03,B04,B08"
NETWORKS = {
    "unet-resnet18": "model: {name: unet, encoder: resnet18, weights: none}",
    "default": "model: {}",
}
_PROJECT = """
imagery: {path: world/bands.tif}
labels: {path: world/labels.gpkg, attribute: cover}
chips: {size: 128}
split: {by: blocks}
"""
_STRIP_ROWS = 512
# Such a scene shows memory alone: quickly written, not small.
_LARGE = 200_000_000
# Of a scene that is half nodata: the edge of a swath leans as the orbit of Sentinel-2 does.
_LEAN = 0.2


@dataclass(frozen=True)
class Sizes:
    """Pixels of the world, of the ground that is learnt, and of each scene as (width, height)."""

    world: int
    school: int
    scenes: dict[str, tuple[int, int]]


FULL = Sizes(
    world=3660,
    school=800,
    scenes={
        "full": (10_980, 10_980),
        "half": (10_980, 10_980),
        "long": (40_000, 20_000),
        "peers": (4096, 4096),
        "tiles": (2048, 2048),
    },
)
QUICK = Sizes(
    world=400,
    school=400,
    scenes={
        "full": (1098, 1098),
        "half": (1098, 1098),
        "long": (1600, 800),
        "peers": (512, 512),
        "tiles": (768, 768),
    },
)


@dataclass(frozen=True)
class Ground:
    """A folder of scenes and bundles; what is not there yet is made when it is asked for.

    Attributes
    ----------
    folder : Path
    quick : bool
        Small scenes and networks that hardly learnt: shows that everything runs, and nothing else.
    """

    folder: Path
    quick: bool

    @property
    def sizes(self) -> Sizes:
        return QUICK if self.quick else FULL

    def out(self, name: str) -> Path:
        """Where a map may be written."""
        path = self.folder / "maps" / f"{name}.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def megapixels(self, scene: str) -> float:
        width, height = self.sizes.scenes[scene]
        return width * height / 1e6

    def scene(self, name: str) -> Path:
        """A GeoTIFF of four bands, uint16, deflated: a generated world laid side by side."""
        path = self.folder / "scenes" / f"{name}.tif"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            scratch = path.with_suffix(".unfinished")
            _write_scene(self.world(), scratch, self.sizes.scenes[name], half=name == "half")
            scratch.rename(path)
        return path

    def bundle(self, network: str) -> Path:
        """A network trained on a world of its own, until its answers are sure."""
        school = self.folder / "school"
        run = school / network
        if not (run / "bundle" / "bundle.json").exists():
            _make_world(school, self.sizes.school)
            project = school / f"{network}.yaml"
            epochs = "training: {epochs: 1}\n" if self.quick else ""
            project.write_text(f"{_PROJECT}{NETWORKS[network]}\n{epochs}")
            covermap("prepare", str(project), "--out", str(run))
            covermap("train", str(project), "--out", str(run))
        return run / "bundle"

    def untiled(self, network: str, scene: str) -> np.ndarray:
        """Class ids of a scene in one pass of torch in float32; 0 where nothing is usable."""
        path = self.folder / "untiled" / f"{network}-{scene}.npy"
        if not path.exists():
            from mapping.once import in_a_process

            path.parent.mkdir(exist_ok=True)
            in_a_process(
                "untiled",
                bundle=str(self.bundle(network)),
                scene=str(self.scene(scene)),
                out=str(path),
            )
        ids: np.ndarray = np.load(path)
        return ids

    def prepare(self, networks: list[str]) -> None:
        """Make everything, so that no measurement waits for it."""
        for network in networks:
            _tell(f"{network}: {self.bundle(network)}")
        for name in self.sizes.scenes:
            _tell(f"{name}: {self.scene(name)}")
        for network in networks:
            for scene in ("tiles", "peers"):
                ids = self.untiled(network, scene)
                _tell(f"{network} on {scene} in one pass: {_shares(ids)}")

    def world(self) -> Path:
        """The bands of the generated world; its truth lies beside."""
        return _make_world(self.folder / "base", self.sizes.world) / "bands.tif"


def covermap(*words: str) -> None:
    """A command of covermap in a process of its own; its progress goes to standard error."""
    command = [sys.executable, "-c", "from covermap.cli import main; main()", *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _make_world(folder: Path, size: int) -> Path:
    options = ["--size", str(size), "--world-only", "--bands", BANDS, "--single-file"]
    covermap("demo", "--out", str(folder), *options)
    return folder / "world"


def _write_scene(world: Path, path: Path, size: tuple[int, int], half: bool) -> None:
    import rasterio
    from rasterio.windows import Window

    with rasterio.open(world) as dataset:
        profile, names = dataset.profile, dataset.descriptions
        scales, offsets, tags = dataset.scales, dataset.offsets, dataset.tags()
        values = dataset.read()
    # The swath of a world ends in a corner: only columns that it saw from top to bottom are laid.
    values = values[:, :, (values > 0).all(axis=(0, 1))]
    width, height = size
    profile.update(driver="GTiff", width=width, height=height, num_threads="ALL_CPUS")
    if width * height > _LARGE:
        profile.update(compress=None, predictor=1, bigtiff="yes")
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.descriptions, dataset.scales, dataset.offsets = names, scales, offsets
        dataset.update_tags(**tags)
        for start, strip in _strips(values, size):
            if half:
                strip[:, _beyond_swath(start, strip.shape[1], size)] = 0
            dataset.write(strip, window=Window(0, start, width, strip.shape[1]))


def _strips(values: np.ndarray, size: tuple[int, int]) -> Iterator[tuple[int, np.ndarray]]:
    width, height = size
    cols = np.arange(width) % values.shape[2]
    for start in range(0, height, _STRIP_ROWS):
        rows = np.arange(start, min(start + _STRIP_ROWS, height)) % values.shape[1]
        yield start, values[:, rows[:, None], cols]


def _beyond_swath(start: int, rows: int, size: tuple[int, int]) -> np.ndarray:
    width, height = size
    down = (np.arange(start, start + rows) + 0.5) / height
    edge = width * 0.5 + height * _LEAN * (0.5 - down)
    return np.arange(width) + 0.5 > edge[:, None]


def _shares(ids: np.ndarray) -> str:
    found, counts = np.unique(ids, return_counts=True)
    pairs: Any = zip(found, counts / ids.size, strict=True)
    return ", ".join(f"class {number} {share:.1%}" for number, share in pairs)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
