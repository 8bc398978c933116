"""A published experiment: the data set, what its project says, and the numbers that it had."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from covermap.core.errors import ProjectError, nearest
from covermap.core.files import relative_path
from covermap.core.settings import Settings, parse
from covermap.datasets.registry import dataset_named
from covermap.models.settings import WEIGHT_FILES
from covermap.project.variants import laid_over
from covermap.report.published import Published

Scale = Literal["small", "full"]
SCALES: tuple[Scale, ...] = ("small", "full")
_IMAGENET = "imagenet"


class Recipe(Settings):
    """One file of `recipes/files`.

    Attributes
    ----------
    title : str
        What the experiment asks.
    dataset : str
        One of the data sets that covermap knows.
    folder : str, optional
        Part of the data set's folder that the experiment uses, where it holds several sets.
    dataset_task : str, optional
        Which of the data set's projects it starts from; the first when not given.
    needs : str, optional
        Ending of the image files that it takes, where the data set comes in several forms.
    weights : str
        What the published networks began with: `imagenet` or `none`.
    project : dict
        Laid over the data set's own project; dotted keys change one value alone.
    vary : dict
        The variants by name, at least one.
    small : dict
        Laid over it all at `--scale small`; its `vary` over the changes of the variants it names.
    published : Published
    """

    title: str
    dataset: str
    folder: str | None = None
    dataset_task: str | None = None
    needs: str | None = None
    weights: Literal["imagenet", "none"] = "none"
    project: dict[str, Any]
    vary: dict[str, dict[str, Any]] = Field(min_length=1)
    small: dict[str, Any] = Field(default_factory=dict)
    published: Published

    @model_validator(mode="after")
    def _small_changes_known_variants(self) -> Recipe:
        strange = [name for name in self.small.get("vary", {}) if name not in self.vary]
        if strange:
            raise ValueError(f"small: vary: {nearest(strange[0], self.vary)}")
        return self

    @property
    def task(self) -> str:
        """What the project's `task` is."""
        usual = self.dataset_task or dataset_named(self.dataset).card.tasks[0]
        return str(self.project.get("task", usual))


def recipe_names() -> tuple[str, ...]:
    """What may stand behind `recipe:`, in order of the publications."""
    paths = files("covermap.recipes").joinpath("files").iterdir()
    return tuple(
        sorted(item.name.removesuffix(".yaml") for item in paths if item.name.endswith(".yaml"))
    )


def read_recipe(name: str) -> Recipe:
    """The recipe of a name.

    Raises
    ------
    ProjectError
        There is none; says the nearest.
    """
    import yaml

    if name not in recipe_names():
        raise ProjectError(
            f"recipe:{name}: no such recipe; {nearest(name, recipe_names())} (`covermap recipes` "
            "lists them)"
        )
    path = files("covermap.recipes").joinpath("files", f"{name}.yaml")
    return parse(Recipe, yaml.safe_load(path.read_text(encoding="utf-8")), f"recipe:{name}")


def recipe_project(
    name: str, data: Path, base: Path, scale: Scale, weights: str | None = None
) -> dict[str, Any]:
    """The keys of a project file that runs a recipe.

    Parameters
    ----------
    name : str
    data : Path
        The unpacked data set, as published or as its miniature is made.
    base : Path
        Folder of the project file, from which its paths start.
    scale : {"small", "full"}
        Few epochs of small chips, or the publication's own.
    weights : str, optional
        What encoders begin with: a file, or `hub:imagenet`; at random when not given.

    Raises
    ------
    DatasetError
        The folder is not the data set, or too little of it.
    ProjectError
        It comes in another form than the experiment takes, or the weights serve no network of it.
    """
    recipe, where = read_recipe(name), f"recipe:{name}"
    folder = data / recipe.folder if recipe.folder and (data / recipe.folder).is_dir() else data
    values = dataset_named(recipe.dataset).project(folder, base, recipe.dataset_task)
    _require_form(recipe, values, folder, where)
    values = laid_over(values, {"name": name, **recipe.project}, where)
    if scale == "small":
        own = {key: value for key, value in recipe.small.items() if key != "vary"}
        values = laid_over(values, own, where)
    if weights is not None:
        values = laid_over(values, {"model.weights": _from_base(weights, base)}, where)
        _require_encoder(values, where)
    return {**values, "vary": _small_variants(recipe) if scale == "small" else recipe.vary}


def told_weights(recipe: Recipe, weights: str | None) -> str | None:
    """What to say where networks begin with other weights than the published ones."""
    if recipe.weights != _IMAGENET or weights is not None:
        return None
    return (
        "The published networks began with ImageNet weights, which do not come with pip for these "
        "encoders; here they begin at random (model: {weights: none}) and learn less. With "
        "`--weights hub:imagenet` or a file of weights they begin as published."
    )


def _small_variants(recipe: Recipe) -> dict[str, dict[str, Any]]:
    more = recipe.small.get("vary", {})
    return {name: {**changes, **more.get(name, {})} for name, changes in recipe.vary.items()}


def _require_form(recipe: Recipe, values: dict[str, Any], folder: Path, where: str) -> None:
    if recipe.needs is None:
        return
    entries = values["imagery"]
    if not all(str(entry["path"]).endswith(recipe.needs) for entry in entries):
        raise ProjectError(
            f"{folder}: {where} takes files *{recipe.needs}, so that ground can be held out "
            f"whole, but found {entries[0]['path']}; give a folder with the {recipe.needs} files "
            "and without the others"
        )


def _from_base(weights: str, base: Path) -> str:
    """A weights file as the project in `base` names it; any other weights as they are."""
    path = Path(weights)
    if path.is_file():
        return relative_path(path, base)
    if path.suffix in WEIGHT_FILES:
        raise ProjectError(
            f"--weights {weights}: no such file; give one, or hub:imagenet to fetch a published set"
        )
    return weights


def _require_encoder(values: dict[str, Any], where: str) -> None:
    if "encoder" not in values["model"]:
        raise ProjectError(
            f"{where}: --weights is for networks with an encoder, and {values['model']['name']} "
            "has none; leave it out"
        )
