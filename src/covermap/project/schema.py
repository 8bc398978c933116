"""The project file as an object: each part belongs to the floor that acts on it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from covermap.chips.settings import ChipSettings, Fractions, SplitSettings
from covermap.core.errors import ProjectError
from covermap.core.settings import Settings, parse
from covermap.core.yaml_text import loaded, text_of
from covermap.imagery.settings import ImagerySettings
from covermap.labels.kind_settings import (
    FOLDERS,
    AnyLabelSettings,
    DensitySettings,
    TagSettings,
    require_one_kind,
)
from covermap.labels.settings import LabelSettings, TopLegendSettings
from covermap.mapping.settings import MapSettings
from covermap.models.loss_settings import LossSettings
from covermap.models.registry import output_of
from covermap.models.settings import AUTO, FOREST, ModelSettings
from covermap.models.tasks import TASKS, check_task, task_of
from covermap.models.weak import WeakSettings
from covermap.training.settings import TrainingSettings

Task = Literal["segmentation", "classification", "multilabel", "regression", "weak-segmentation"]
_OF_CHIPS: tuple[Task, ...] = ("classification", "multilabel", "weak-segmentation")


class Project(Settings):
    """What one YAML file describes. Only `imagery` and `labels` are required.

    Attributes
    ----------
    name : str
        Title of the report; the file's name when not given.
    imagery : list of ImagerySettings
        Scenes, or one stack of dates each.
    bands : list of str, optional
        What the network sees: bands and indices; all bands common to the scenes when not given.
    aoi : str, optional
        Polygons outside of which nothing is used or mapped.
    labels : LabelSettings, TagSettings or DensitySettings
        Polygons or masks; or labels of whole pictures; or points to be counted.
    truth : str, optional
        Class raster of the whole truth, where it is known (generated worlds): scores of all valid
        pixels of the tested ground are then reported beside those of its labels.
    task : str
        What is asked of each pixel, or, but for segmentation, of whole chips.
    weak : WeakSettings
        Of `weak-segmentation`: how labels of chips become classes of pixels.
    vary : dict, optional
        What makes several projects of this one; see `covermap.project.variants`.
    """

    name: str = ""
    imagery: list[ImagerySettings] = Field(min_length=1)
    bands: list[str] | None = Field(None, min_length=1)
    aoi: str | None = None
    labels: AnyLabelSettings
    truth: str | None = None
    task: Task = "segmentation"
    chips: ChipSettings = ChipSettings()
    split: SplitSettings = SplitSettings()
    weak: WeakSettings = WeakSettings()
    model: ModelSettings = ModelSettings()
    loss: LossSettings = LossSettings()
    training: TrainingSettings = TrainingSettings()
    map: MapSettings = MapSettings()
    seed: int = Field(0, ge=0, lt=2**31)
    vary: dict[str, Any] | None = None

    @model_validator(mode="before")
    @classmethod
    def _usual_of_task(cls, values: Any) -> Any:
        """The network and loss of the task where the project names none."""
        task = TASKS.get(str(values.get("task"))) if isinstance(values, dict) else None
        if task is None or task.name == "segmentation":
            return values
        model, loss = values.get("model") or {}, values.get("loss") or task.usual
        if isinstance(model, dict) and "name" not in model:
            labels = values.get("labels")
            of_pictures = isinstance(labels, dict) and "tags" in labels
            model = {"name": "classifier" if of_pictures else task.network, **model}
        return {**values, "model": model, "loss": loss}

    @field_validator("imagery", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        if isinstance(value, str):
            return [{"path": value}]
        if isinstance(value, dict):
            return [value]
        if isinstance(value, list):
            return [{"path": item} if isinstance(item, str) else item for item in value]
        return value

    @field_validator("labels", mode="before")
    @classmethod
    def _path_or_more(cls, value: object) -> object:
        return {"path": value} if isinstance(value, str) else require_one_kind(value)

    @model_validator(mode="after")
    def _truth_of_known_classes(self) -> Project:
        legend = self.labels.legend if isinstance(self.labels, LabelSettings) else None
        if self.truth is not None and isinstance(legend, TopLegendSettings):
            raise ValueError("truth: needs a legend that is written out, not `legend: top ...`")
        if self.truth is not None and self.task != "segmentation":
            raise ValueError(
                f"truth: is a raster of the class of each pixel, for task: segmentation alone "
                f"(task is {self.task}); leave it out"
            )
        return self

    @field_validator("bands", mode="before")
    @classmethod
    def _bands_as_text(cls, value: object) -> object:
        return [str(item) for item in value] if isinstance(value, list) else value

    @model_validator(mode="after")
    def _labels_for_task(self) -> Project:
        if self.task == "regression":
            self._require_numbers()
        if self.task in _OF_CHIPS and isinstance(self.labels, DensitySettings):
            raise ValueError(
                f"labels: points is for task: regression, or segmentation by its levels, not for "
                f"{self.task}"
            )
        if isinstance(self.labels, LabelSettings) and self.task not in _OF_CHIPS:
            for key in ("presence", "regions"):
                if getattr(self.labels, key) is not None:
                    raise ValueError(
                        f"labels: {key} is for whole chips, such as task: classification, not for "
                        f"{self.task}; leave it out"
                    )
        if isinstance(self.labels, LabelSettings) and self.task == "classification":
            self._require_no_presence()
        regions = self.labels.regions if isinstance(self.labels, LabelSettings) else None
        if regions is not None and self.task != "classification":
            raise ValueError(
                "labels: regions makes a chip of each polygon, which has one class: write task: "
                f"classification, or leave regions out (task is {self.task})"
            )
        return self

    def _require_no_presence(self) -> None:
        if isinstance(self.labels, LabelSettings) and self.labels.presence is not None:
            raise ValueError(
                "labels: presence says which of several labels a chip has, and of task: "
                "classification it has its commonest class; leave presence out, or write task: "
                "multilabel"
            )

    def _require_numbers(self) -> None:
        """Labels of a regression are counted points, or a column of numbers of pictures."""
        if isinstance(self.labels, DensitySettings):
            return
        if not isinstance(self.labels, TagSettings) or self.labels.tags == FOLDERS:
            raise ValueError(
                "task: regression needs numbers as labels: counted points (labels: {points: "
                "tracks.gpkg}), or a column of a table of pictures (labels: {tags: table.csv, "
                "column: yield})"
            )
        if not isinstance(self.labels.column, str):
            raise ValueError(
                "task: regression needs the name of one column of numbers: labels: {tags: "
                f"{self.labels.tags}, column: yield}}"
            )
        if self.model.name in (FOREST, AUTO):
            raise ValueError(
                f"model: {self.model.name} does not serve task: regression; leave model out, or "
                "write model: {name: classifier} (the report shows a random forest of each band's "
                "statistics beside it)"
            )
        if output_of(self.model.name) != "chip":
            raise ValueError(
                f"model: {self.model.name} answers for pixels, and labels: tags are of whole "
                "pictures; write model: {name: classifier}, or leave model out"
            )
        if self.model.activation != "identity":
            raise ValueError(
                f"model: activation: {self.model.activation} keeps answers within 0 to 1, and "
                f"column {self.labels.column} may lie anywhere; leave activation out"
            )
        if "ruzicka" in self.loss.terms:
            raise ValueError(
                "loss: ruzicka is of amounts from 0 up, and numbers of pictures are learnt by how "
                "far they lie above or below their mean; write loss: {mae: 1.0}"
            )

    @model_validator(mode="after")
    def _weak_for_task(self) -> Project:
        if self.task != "weak-segmentation":
            if self.weak != WeakSettings():
                raise ValueError(
                    f"weak: is for task: weak-segmentation, not for {self.task}; leave it out"
                )
        elif self.weak.combiner == "regression" and not isinstance(self.labels, LabelSettings):
            raise ValueError(
                "weak: combiner: regression learns from labels of pixels, and labels: tags are of "
                "whole pictures; write weak: {combiner: argmax}, or give masks or polygons"
            )
        return self

    @model_validator(mode="after")
    def _outputs_of_a_map_of_classes(self) -> Project:
        if self.task == "regression" and self.map.of_classes:
            raise ValueError(
                f"map: outputs: {self.map.of_classes} "
                "comes from classes, and task: regression maps values; leave it out"
            )
        if "polygons" in self.map.outputs and isinstance(self.labels, TagSettings):
            raise ValueError(
                "map: outputs: polygons are of a map, and of whole pictures a table is written; "
                "leave polygons out"
            )
        return self

    @property
    def without_effect(self) -> tuple[str, ...]:
        """What is set and changes nothing in this project, with the reason, a line each."""
        usual = LossSettings.model_validate(TASKS[self.task].usual)
        lines = []
        if self.model.name == FOREST:
            if self.loss not in (usual, LossSettings()):
                lines.append("loss (a random forest has none)")
            if self.training != TrainingSettings():
                lines.append("training (a random forest has no epochs, sampling or augmentation)")
            lines += [
                f"model: {key} (a random forest has none)"
                for key in ("dropout", "stem")
                if getattr(self.model, key) != ModelSettings.model_fields[key].default
            ]
        elif self.training.batch_size == 1:
            lines.append(
                "training: batch_size: 1 (batch normalisation needs two: batches are of 2 chips)"
            )
        split = self.split
        if split.fractions != Fractions():
            if split.folds is not None:
                lines.append("split: fractions (folds asks for a k-fold)")
            elif split.named and "val" in split.named:
                lines.append("split: fractions (all parts are named)")
        of_levels = isinstance(self.labels, DensitySettings) and self.task == "segmentation"
        if of_levels and "cap" in self.labels.model_fields_set:
            lines.append("labels: cap (classes are by levels)")
        if isinstance(self.labels, TagSettings) and self.map != MapSettings():
            lines.append("map (of whole pictures a table is written)")
        return tuple(lines)

    @model_validator(mode="after")
    def _model_and_loss_serve_the_task(self) -> Project:
        try:
            check_task(task_of(self.task), self.model, self.loss)
        except ProjectError as error:
            # pydantic gathers errors of this kind, so that the file's name comes before them.
            raise ValueError(str(error)) from None
        return self

    @model_validator(mode="after")
    def _frozen_encoder_knows_something(self) -> Project:
        random = self.model.encoder is not None and self.model.initial_weights == "none"
        if random and self.training.freeze_encoder is True:
            raise ValueError(
                f"training: freeze_encoder: true keeps the encoder {self.model.encoder} as it "
                "began, but it begins with random weights; leave freeze_encoder out, or give it "
                "weights: model: {weights: imagenet}, a file or hub:NAME"
            )
        return self


def read_project(path: Path) -> Project:
    """Read and check a project file.

    Raises
    ------
    ProjectError
        No such file, no YAML, or a key or value that is not known; says which and what is.
    """
    return checked_project(read_values(path), path, str(path))


def checked_project(values: Any, path: Path, where: str) -> Project:
    """The content of the project file `path` as a project; `where` begins the text of an error."""
    project = parse(Project, values, where)
    return project if project.name else project.model_copy(update={"name": path.stem})


def read_values(path: Path) -> Any:
    """The content of a project file, not checked yet.

    Raises
    ------
    ProjectError
        No such file, no YAML, or nothing in it.
    """
    try:
        text = text_of(path)
    except FileNotFoundError:
        raise ProjectError(
            f"{path}: no such project file; write one with `covermap init IMAGE LABELS --out "
            f"{shlex.quote(path.name)}`"
        ) from None
    values = loaded(text, str(path))
    if values is None:
        raise ProjectError(f"{path}: the project file is empty; imagery and labels are needed")
    return values
