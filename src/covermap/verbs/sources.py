"""What a run reads, by content and by what each file is to it.

Files that change places are other inputs, though they are the same files. Paths are left out: a
project that moved is the same project.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from covermap.core.files import content_digest, file_digest
from covermap.imagery.headers import parts_of_images
from covermap.imagery.raster import Scene
from covermap.labels.reading import label_files, parts_of
from covermap.verbs.workspace import Workspace


def source_digests(workspace: Workspace) -> dict[str, Any]:
    """Digests of all files that a project reads, as an object to be digested.

    Returns
    -------
    dict
        `scenes`, in order: what each is called and how it is read, with its files in order;
        `labels`: the files of each role, which for masks is the scene that each belongs to; `aoi`.
    """
    # One mask may belong to many scenes.
    digest_of = cache(file_digest)

    def told(files: Sequence[Path]) -> list[str]:
        # Names say bands and dates, and pair masks with images; folders do not.
        return [f"{path.name} {digest_of(path)}" for path in files]

    labels = label_files(workspace.project.labels, workspace.base, workspace.scenes)
    return {
        "scenes": [
            {**_reading(workspace, scene), "files": told(parts_of_images(scene.files))}
            for scene in workspace.scenes
        ],
        "labels": {role: told(files) for role, files in labels.items()},
        "aoi": told(_area_files(workspace)),
    }


def reading_digest(workspace: Workspace, scene: Scene) -> str:
    """Digest of how the project has a scene read, which its files and a bundle do not tell.

    Nodata, quality, scale and the area of interest decide which pixels a map holds, and what they
    are.
    """
    area = [file_digest(path) for path in _area_files(workspace)]
    return content_digest([_reading(workspace, scene), area])


def _reading(workspace: Workspace, scene: Scene) -> dict[str, Any]:
    return {
        "name": scene.name,
        "date": str(scene.date),
        "bands": [band.name for band in scene.bands],
        "entry": workspace.entries[scene.name].model_dump(mode="json", exclude={"path"}),
    }


def _area_files(workspace: Workspace) -> list[Path]:
    aoi = workspace.project.aoi
    return [] if aoi is None else parts_of(workspace.base / aoi)
