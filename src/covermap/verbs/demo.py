"""demo: the whole of covermap on a generated world whose truth is known."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from covermap.core.errors import OutputError
from covermap.core.files import complete_file, read_json, write_json
from covermap.core.progress import say
from covermap.datasets.world import write_world
from covermap.project.steps import RunFolder

_NOTE = ".world.json"
_PROJECT = """\
# A generated world: Sentinel-2-like bands, clouds, and polygons as a person would draw them.
name: demo world
imagery:
  - path: world            # a folder of bands: what is no band in it is passed over
labels:
  path: world/labels.gpkg
  attribute: cover
truth: world/truth.tif     # the whole truth: only a generated world has one
# A quarter of the blocks is tested, so that a few wrong polygons do not decide the score.
split: {{by: blocks, fractions: {{train: 0.6, val: 0.15, test: 0.25}}}}
map: {{outputs: [class, confidence]}}
seed: {seed}
"""


def demo(
    out: str | Path,
    size: str = "1000",
    seed: int = 0,
    world_only: bool = False,
    bands: Sequence[str] | None = None,
    single_file: bool = False,
    force: bool = False,
) -> RunFolder | None:
    """Generate a world and, unless only that is wanted, run everything on it.

    Parameters
    ----------
    out : path
        Gets `world/`, `project.yaml` and `run/`.
    size : str
        `W` or `WxH`, pixels of 10 m.
    seed : int
        Of the world and of the run.
    world_only : bool
        Only write the world.
    bands : sequence of str, optional
        Only these bands.
    single_file : bool
        All bands in one GeoTIFF.
    force : bool
        Repeat the steps of the run.

    Raises
    ------
    OutputError
        `out` holds another world, or an edited project of one, or files that are none of the
        demo's.
    """
    folder = Path(out)
    width, height = _size(size)
    asked: dict[str, object] = {
        "width": width,
        "height": height,
        "seed": seed,
        "bands": None if bands is None else list(bands),
        "single_file": single_file,
    }
    project = folder / "project.yaml"
    _require_free(folder, asked, project=None if world_only else project)
    _world(folder, asked)
    if world_only:
        return None
    from covermap.verbs.run import run

    # What somebody edited for this very world stays.
    if _is_ours(project):
        with complete_file(project) as scratch:
            scratch.write_text(_PROJECT.format(seed=seed), encoding="utf-8")
    return run(project, folder / "run", force=force)


def _is_ours(project: Path) -> bool:
    """Whether a project file may be written: it is not there, or as the demo wrote it."""
    if not project.exists():
        return True
    text = project.read_text(encoding="utf-8", errors="replace")
    found = re.search(r"^seed: (\d+)$", text, re.MULTILINE)
    return found is not None and text == _PROJECT.format(seed=found[1])


def _require_free(folder: Path, asked: dict[str, object], project: Path | None) -> None:
    """Stop at another world, and at a project that somebody wrote for another one."""
    world, note = folder / "world", folder / _NOTE
    if note.exists() and read_json(note) == asked:
        return
    if world.exists():
        raise OutputError(f"{world}: holds another world; choose another --out or remove it")
    if project is not None and not _is_ours(project):
        raise OutputError(
            f"{project}: was written or edited for another world; choose another --out or move it "
            "away"
        )


def _world(folder: Path, asked: dict[str, object]) -> None:
    """Write the world unless it is there already."""
    world = folder / "world"
    if world.exists():
        say("world: as asked for, kept")
        return
    bands = asked["bands"]
    write_world(
        world,
        width=int(str(asked["width"])),
        height=int(str(asked["height"])),
        seed=int(str(asked["seed"])),
        bands=bands if isinstance(bands, list) else None,
        single_file=bool(asked["single_file"]),
    )
    write_json(folder / _NOTE, asked)


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)(?:[xX](\d+))?", text.strip())
    if not match:
        raise OutputError(f"--size {text}: expected W or WxH in pixels, such as 1000 or 1200x800")
    width = int(match[1])
    return width, int(match[2] or width)
