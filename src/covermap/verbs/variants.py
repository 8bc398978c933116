"""run of a project with `vary`: each variant in its own folder, then one page that compares."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from covermap.core.files import content_digest
from covermap.core.progress import say
from covermap.project.steps import RunFolder
from covermap.project.variants import Variant, read_variants
from covermap.report.published import Published
from covermap.verbs.compare import OUTPUTS, Compared, compare
from covermap.verbs.prepare import prepare_inputs, prepare_step
from covermap.verbs.run_steps import STEPS, require_free_outputs
from covermap.verbs.workspace import Workspace


def run_variants(
    project: str | Path,
    out: str | Path,
    force: bool = False,
    published: Published | None = None,
) -> RunFolder:
    """Run every variant of a project and compare them.

    Variants that agree in scenes, labels, chips and split share one preparation, and so one split.
    Finished steps are skipped, so that a stopped comparison goes on where it was.

    Parameters
    ----------
    project : path
        Project file with `vary`.
    out : path
        Gets a folder for each variant, `comparison.json` and `comparison.html`.
    force : bool
        Repeat steps although nothing changed.
    published : Published, optional
        Numbers that others had, to stand beside ours.

    Returns
    -------
    RunFolder
        Of `out`.

    Raises
    ------
    CovermapError
        A mistake that the user can mend.
    """
    path, folder = Path(project), RunFolder.open(Path(out))
    variants = read_variants(path)
    folder.begin("run", variants[0].project.seed)
    folder.check(OUTPUTS)
    for variant in variants:
        opened = _opened(path, variant, folder)
        opened.require_files()
        require_free_outputs(opened)
    prepared: dict[str, RunFolder] = {}
    compared = []
    for number, variant in enumerate(variants, 1):
        say(f"\nvariant {number} of {len(variants)}: {variant.name}")
        begun = time.monotonic()
        # Opened anew for each one: no scene or table of a finished variant stays in memory.
        workspace = _opened(path, variant, folder)
        _prepare_once(workspace, prepared, force)
        for step in STEPS:
            if step is not prepare_step:
                step(workspace, force)
        # Told, not written: a file that holds times is another file each time.
        say(f"variant {variant.name}: {(time.monotonic() - begun) / 60:.1f} minutes")
        compared.append(Compared(variant, workspace.folder))
    inputs = _inputs(variants, compared, published)
    folder.claim(OUTPUTS)
    if not force and folder.is_fresh("compare", inputs):
        say("compare: nothing changed, skipped (--force repeats it)")
        folder.release()
        return folder
    folder.forget("compare")
    compare(path, folder.path, compared, published)
    folder.finish("compare", inputs, OUTPUTS)
    return folder


def _opened(path: Path, variant: Variant, folder: RunFolder) -> Workspace:
    return Workspace.of(path, variant.project, folder.path / variant.folder, "run")


def _prepare_once(workspace: Workspace, prepared: dict[str, RunFolder], force: bool) -> None:
    """Prepare a variant, or copy what an equal one prepared."""
    inputs = prepare_inputs(workspace)
    key = content_digest(inputs)
    if key not in prepared:
        prepare_step(workspace, force)
        prepared[key] = workspace.folder
    elif force or not workspace.folder.is_fresh("prepare", inputs):
        workspace.folder.adopt("prepare", prepared[key])
        say("prepare: as in a variant before, shared")


def _inputs(
    variants: tuple[Variant, ...], compared: list[Compared], published: Published | None
) -> dict[str, Any]:
    return {
        "step": "compare",
        "name": variants[0].project.name,
        "variants": {item.variant.name: item.variant.changes for item in compared},
        "steps": [
            {name: item.folder.record["steps"][name] for name in ("prepare", "train", "evaluate")}
            for item in compared
        ],
        "published": None if published is None else published.model_dump(),
    }
