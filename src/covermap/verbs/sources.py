"""What a run reads, by content and by what each file is to it.

Files that change places are other inputs, though they are the same files. Paths are left out: a
project that moved is the same project.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from covermap.core.files import content_digest
from covermap.imagery.headers import parts_of_images
from covermap.imagery.raster import Scene
from covermap.imagery.settings import ImagerySettings
from covermap.labels.reading import label_files
from covermap.labels.vector_file import parts_of
from covermap.mapping.seen import seen_digest
from covermap.project.schema import Project


@dataclass(frozen=True, eq=False)
class Sources:
    """The files of an opened project.

    Attributes
    ----------
    project : Project
    base : Path
        Folder that its relative paths start from.
    scenes : sequence of Scene
    entries : mapping of str to ImagerySettings
        The entry of `imagery` that each scene comes from, by the scene's name.
    """

    project: Project
    base: Path
    scenes: Sequence[Scene]
    entries: Mapping[str, ImagerySettings]

    @cached_property
    def digests(self) -> dict[str, Any]:
        """Digests of all files that the project reads, as an object to be digested.

        `scenes`, in order: what each is called and how it is read, with its files in order;
        `labels`: the files of each role, which for masks is the scene that each belongs to; `aoi`.
        Every step stands on them: they are found once.
        """
        labels = label_files(self.project.labels, self.base, self.scenes)
        return {
            "scenes": [
                {**self._reading(scene), "files": _told(parts_of_images(scene.files))}
                for scene in self.scenes
            ],
            "labels": {role: _told(files) for role, files in labels.items()},
            "aoi": _told(self._area_files),
        }

    def reading_digest(self, scene: Scene) -> str:
        """Digest of how the project has a scene read, which its files and a bundle do not tell.

        Nodata, quality, scale and the area of interest decide which pixels a map holds, and what
        they are.
        """
        area = [seen_digest(path) for path in self._area_files]
        return content_digest([self._reading(scene), area])

    def _reading(self, scene: Scene) -> dict[str, Any]:
        return {
            "name": scene.name,
            "date": str(scene.date),
            "bands": [band.name for band in scene.bands],
            "entry": self.entries[scene.name].model_dump(mode="json", exclude={"path"}),
        }

    @property
    def _area_files(self) -> list[Path]:
        aoi = self.project.aoi
        return [] if aoi is None else parts_of(self.base / aoi)


def _told(files: Sequence[Path]) -> list[str]:
    # Names say bands and dates, and pair masks with images; folders do not.
    return [f"{path.name} {seen_digest(path)}" for path in files]
