"""A project opened for work: its scenes, labels and channels, and the folder of its run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from covermap.bundle.facts import Quantity
from covermap.chips.answers import Answers, answers_of
from covermap.chips.parts import Split
from covermap.chips.split_file import read_split
from covermap.chips.view import Viewer, scenes_by_name
from covermap.core.errors import CovermapError, LabelError, ProjectError, repeated
from covermap.core.grid import Window
from covermap.core.progress import say
from covermap.imagery.opening import open_scenes
from covermap.imagery.raster import Scene
from covermap.imagery.settings import ImagerySettings
from covermap.labels.areas import polygons_in
from covermap.labels.density import Cap
from covermap.labels.kind_settings import FOLDERS, TagSettings
from covermap.labels.numbers import Numbers
from covermap.labels.placed import goes_beyond, placed_on
from covermap.labels.polygons import Polygons
from covermap.labels.protocol import Labels, MergeableLabels
from covermap.labels.reading import read_labels
from covermap.labels.regions import Region, regions_by_window
from covermap.labels.settings import LabelSettings, TopLegendSettings
from covermap.labels.tags import Tags, class_folder
from covermap.labels.vector_file import read_only_layer
from covermap.mapping.files import in_the_way
from covermap.models.registry import output_of
from covermap.project.schema import Project, read_project
from covermap.project.steps import RunFolder, versions
from covermap.verbs.channels import common_bands, require_common_units
from covermap.verbs.sources import Sources
from covermap.verbs.truth import require_class_raster

# Most of what surroundings do to an answer they do within so many pixels: chips of 96 px of an
# aerial scene had a class-mean IoU of 0.692 alone, 0.729 with 32 px around and 0.732 with 128.
_AROUND_PX = 32


@dataclass
class Workspace:
    """What every step of a run starts from; things are opened when first asked for."""

    project_path: Path
    project: Project
    folder: RunFolder

    @classmethod
    def open(cls, project: str | Path, out: str | Path, command: str) -> Workspace:
        """Read a project and open its run folder; nothing is written yet."""
        path = Path(project)
        read = read_project(path)
        if read.vary is not None:
            raise ProjectError(
                f"{path}: `vary` makes several runs of this project, which only `covermap run "
                f"{path} --out {out}` does; leave vary out to {command} a single one"
            )
        return cls.of(path, read, Path(out), command)

    @classmethod
    def of(cls, path: Path, project: Project, out: Path, command: str) -> Workspace:
        """The same for a project that was read already from the file `path`."""
        workspace = cls(path, project, RunFolder.open(out))
        workspace.folder.begin(command, project.seed)
        return workspace

    @property
    def base(self) -> Path:
        """Folder that the project's relative paths start from."""
        return self.project_path.parent

    @cached_property
    def scenes(self) -> list[Scene]:
        """All scenes of the project, clipped to its `aoi`, names all different."""
        return [scene for scenes in self._opened for scene in scenes]

    @cached_property
    def entries(self) -> dict[str, ImagerySettings]:
        """The entry of `imagery` that each scene comes from, by the scene's name."""
        opened = zip(self.project.imagery, self._opened, strict=True)
        return {scene.name: item for item, scenes in opened for scene in scenes}

    @cached_property
    def sources(self) -> Sources:
        """The files that the project reads, and their digests."""
        return Sources(self.project, self.base, self.scenes, self.entries)

    @cached_property
    def _opened(self) -> list[list[Scene]]:
        opened = [open_scenes(item, self.base) for item in self.project.imagery]
        names = [scene.name for scenes in opened for scene in scenes]
        twice = repeated(names)
        if twice:
            raise ProjectError(
                f"{self.project_path}: two scenes are called '{twice[0]}'; give one of them "
                "another name: imagery: [{path: ..., name: ...}]"
            )
        pair = in_the_way(names)
        if pair is not None:
            raise ProjectError(
                f"{self.project_path}: one scene is called '{pair[1]}', as a map beside that of "
                f"'{pair[0]}' would be; give one of them another name: imagery: [{{path: ..., "
                "name: ...}]"
            )
        if self.project.aoi is None:
            return opened
        flat = [scene for scenes in opened for scene in scenes]
        clipped = iter(clipped_to(flat, self.base / self.project.aoi))
        return [[next(clipped) for _ in scenes] for scenes in opened]

    @cached_property
    def own_labels(self) -> Labels:
        """The labels in their own legend."""
        return read_labels(self.project.labels, self.base, self.scenes, self.project.task)

    @property
    def of_chips(self) -> bool:
        """Whether each tested chip is answered and counted once, and not its pixels."""
        task = self.project.task
        if task == "regression":
            return output_of(self.project.model.name) == "chip"
        weak = task == "weak-segmentation"
        return task in ("classification", "multilabel") or (weak and self.of_pictures)

    @property
    def around(self) -> int:
        """Pixels shown on each side of a chip that judges, as the tiles of a map show them.

        None where a chip is answered as a whole.
        """
        dense = self.project.task in ("segmentation", "regression") and not self.of_chips
        return _AROUND_PX if dense else 0

    @property
    def of_pictures(self) -> bool:
        """Whether labels are of whole pictures, whose answers are a table and no map."""
        return isinstance(self.own_labels, Tags | Numbers)

    @property
    def class_folders(self) -> dict[str, str]:
        """The folder that names each picture's class, where folders are the labels."""
        settings = self.project.labels
        if not isinstance(settings, TagSettings) or settings.tags != FOLDERS:
            return {}
        return {scene.name: class_folder(scene).name for scene in self.scenes}

    def answers(self, scale: Cap | Quantity | None = None) -> Answers:
        """What the project's task asks of a chip; a regression needs the scale of its ground."""
        settings = self.project.labels
        rule = settings.presence if isinstance(settings, LabelSettings) else None
        return answers_of(self.project.task, self.labels, rule, scale, self.of_chips)

    @cached_property
    def labels(self) -> Labels:
        """The labels with the classes of the map, which the split may have chosen."""
        if not self.asks_for_top_classes:
            return self.own_labels
        chosen = self.split.top_classes
        return self.own_labels if chosen is None else chosen.of(self.mergeable_labels)

    @property
    def mergeable_labels(self) -> MergeableLabels:
        """The labels in their own legend, of which the top classes are asked."""
        labels = self.own_labels
        if not isinstance(labels, MergeableLabels):
            raise TypeError(f"{type(labels).__name__} have no classes to be merged")
        return labels

    @property
    def strata(self) -> Labels:
        """The labels as chips are planned and dealt out by; see `Tags.strata`."""
        return self.labels.strata if isinstance(self.labels, Tags) else self.labels

    @property
    def asks_for_top_classes(self) -> bool:
        """Whether the legend is the most frequent classes of training ground."""
        labels = self.project.labels
        return isinstance(labels, LabelSettings) and isinstance(labels.legend, TopLegendSettings)

    @cached_property
    def channels(self) -> tuple[str, ...]:
        """Names of what the network sees, all checked against every scene."""
        names = self.project.bands or common_bands(self.scenes)
        require_common_units(self.scenes, names)
        return tuple(names)

    @cached_property
    def split(self) -> Split:
        path = self.folder.path / "split.json"
        if not path.exists():
            raise CovermapError(f"{path}: no such file; run `covermap prepare` first")
        return read_split(path)

    @property
    def assessed(self) -> list[int]:
        """Where the classes that are assessed stand in the legend."""
        return [self.labels.legend.index(name) for name in self.split.assessed]

    @cached_property
    def viewer(self) -> Viewer:
        return Viewer(
            scenes_by_name(self.scenes),
            self.strata,
            self.channels,
            self.split.ground,
            self.regions,
        )

    @cached_property
    def regions(self) -> dict[tuple[str, Window], Region]:
        """The region of each chip, where the project makes chips of the boxes of polygons."""
        settings = self.project.labels
        if not isinstance(settings, LabelSettings) or settings.regions is None:
            return {}
        labels = self.own_labels
        if not isinstance(labels, Polygons):
            raise ProjectError(
                f"{self.project_path}: labels: regions makes chips of polygons, and "
                f"{labels.path} holds none; leave regions out"
            )
        grids = {scene.name: scene.geobox for scene in self.scenes if scene.geobox.crs is not None}
        # Rows keep their numbers, which burnt pixels name; what has no class makes no chip.
        drawn = labels.table.geometry.where(labels.table["index"] >= 0)
        return regions_by_window(drawn, grids, settings.regions)

    def require_files(self) -> None:
        """Tell files that only later steps read and that are missing now, not after the training.

        Raises
        ------
        CovermapError
            Naming the file and its key.
        """
        for named, key in (
            (self.project.model.weights_file, "model: {weights: ...}"),
            (self.project.truth, "truth:"),
        ):
            if named is not None and not (self.base / named).exists():
                raise ProjectError(f"{self.base / named}: no such file; check {key} in the project")
        if self.project.truth is not None:
            require_class_raster(self.base / self.project.truth)

    def inputs(self, step: str, parts: dict[str, Any]) -> dict[str, Any]:
        """What a step stands on, as an object to be digested.

        Paths are left out: a project that moved is the same project.
        """
        return {
            "step": step,
            "versions": versions(),
            "seed": self.project.seed,
            **parts,
        }

    def step(
        self,
        name: str,
        inputs: dict[str, Any],
        work: Callable[[], Sequence[str]],
        force: bool,
    ) -> bool:
        """Do a step unless its inputs are those of last time; True when it was done."""
        if not force and self.folder.is_fresh(name, inputs):
            say(f"{name}: nothing changed, skipped (--force repeats it)")
            self.folder.release()
            return False
        self.folder.forget(name)
        try:
            outputs = work()
        except BaseException:
            self.folder.release()
            raise
        self.folder.finish(name, inputs, outputs)
        return True

    def standing_on(self, step: str, inputs: dict[str, Any]) -> str:
        """Digest of an earlier step's inputs, which must still be those of the project.

        Libraries of other versions do not matter: a report can be written after an update.

        Raises
        ------
        CovermapError
            The step was not done yet, or not with these inputs, or its files were changed since.
        """
        done = self.folder.record["steps"].get(step)
        again = f"run `covermap {step} {self.project_path} --out {self.folder.path}`"
        if not done:
            raise CovermapError(f"{self.folder.path}: nothing to stand on; {again} first")
        if not self.folder.is_of(step, inputs):
            raise CovermapError(
                f"{self.project_path}: the project, its images or its labels changed since "
                f"`{step}` was done in {self.folder.path}; {again} again, or the steps before it"
            )
        if (name := self.folder.changed_output(step)) is not None:
            raise CovermapError(
                f"{self.folder.path / name}: is gone, or was changed since `{step}` wrote it; "
                f"{again} again"
            )
        return str(done["inputs"])


def clipped_to(scenes: Sequence[Scene], path: Path) -> list[Scene]:
    """Scenes, invalid outside the polygons of a file.

    Raises
    ------
    LabelError
        The file cannot be read, holds several layers or no polygon, or does not meet a scene;
        there is no CRS.
    """
    import shapely

    if not path.exists():
        raise LabelError(f"{path}: no such file; check aoi: in the project")
    try:
        table = read_only_layer(path, "an aoi", "aoi_alone.gpkg")
    except LabelError:
        raise
    except Exception as error:
        raise LabelError(f"{path}: cannot be read as vector data ({error})") from None
    placed = "geometry" in table.columns and len(table) and table.crs is not None
    if not placed or any(scene.geobox.crs is None for scene in scenes):
        raise LabelError(f"{path}: an aoi needs polygons, and it and the image need a CRS")
    areas: dict[tuple[str, bool], Any] = {}
    clipped = []
    for scene in scenes:
        key = (str(scene.geobox.crs), goes_beyond(scene.geobox))
        if key not in areas:
            drawn = polygons_in(placed_on(table, scene.geobox).geometry.to_numpy())
            if not len(drawn):
                raise LabelError(f"{path}: holds no polygon with an area; an aoi needs one")
            areas[key] = shapely.union_all(drawn)
        if not areas[key].intersects(scene.geobox.extent.geom):
            raise LabelError(f"{path}: the aoi does not meet {scene.name}; check the CRS of both")
        clipped.append(scene.clipped(areas[key]))
    return clipped
