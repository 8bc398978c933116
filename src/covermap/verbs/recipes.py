"""recipes: published experiments, listed and run on their data set or on a miniature of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from covermap.core.errors import CovermapError, OutputError, ProjectError, nearest
from covermap.core.files import complete_file, read_json, write_json
from covermap.core.progress import say
from covermap.datasets.registry import dataset_named
from covermap.project.steps import RunFolder
from covermap.recipes.project_file import recipe_text
from covermap.recipes.recipe import (
    SCALES,
    Recipe,
    Scale,
    read_recipe,
    recipe_names,
    recipe_project,
    told_weights,
)
from covermap.verbs.variants import run_variants

_DATA, _NOTE, _PROJECT, _RUN = "data", ".data.json", "project.yaml", "run"


@dataclass(frozen=True)
class RecipeCard:
    """What a person wants to know of a recipe before running it."""

    name: str
    title: str
    source: str
    dataset: str
    task: str
    variants: tuple[str, ...]
    published: tuple[str, ...]


def recipes() -> tuple[RecipeCard, ...]:
    """The cards of all recipes."""
    return tuple(_card(name, read_recipe(name)) for name in recipe_names())


def run_recipe(
    name: str,
    out: str | Path,
    data: str | Path | None = None,
    scale: str = "small",
    weights: str | None = None,
    force: bool = False,
) -> RunFolder:
    """Run a published experiment and set its numbers beside ours.

    Parameters
    ----------
    name : str
        Of a recipe.
    out : path
        Gets `project.yaml`, `run/` with `comparison.html`, and without `data` a generated
        miniature of the data set as `data/`.
    data : path, optional
        The data set as published, unpacked.
    scale : {"small", "full"}
        Minutes, or the publication's own epochs and chips.
    weights : str, optional
        What encoders begin with: a file, or `hub:imagenet`.
    force : bool
        Repeat steps although nothing changed.

    Returns
    -------
    RunFolder
        Of `out`/run.

    Raises
    ------
    CovermapError
        No such recipe or scale, the data set is another one, or something is in the way.
    """
    recipe, folder = read_recipe(name), Path(out)
    chosen = _scale(scale)
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: is a file; give a folder with --out")
    place = _miniature(recipe, folder) if data is None else _existing(Path(data))
    values = recipe_project(name, place, folder, chosen, weights)
    project = folder / _PROJECT
    _write_project(project, recipe_text(name, recipe, chosen, values))
    warnings = [text for text in (_told_data(recipe, data), told_weights(recipe, weights)) if text]
    if chosen == "small":
        warnings.append(
            "--scale small: fewer epochs, smaller chips, batches and some encoders, and learning "
            "rates of its own; --scale full has the published ones."
        )
    for line in warnings:
        say(line)
    published = recipe.published.model_copy(update={"warnings": tuple(warnings)})
    return run_variants(project, folder / _RUN, force, published)


def _card(name: str, recipe: Recipe) -> RecipeCard:
    numbers = tuple(
        f"{number.metric} {number.value:g} ({number.variant})"
        for number in recipe.published.numbers
    )
    return RecipeCard(
        name=name,
        title=recipe.title,
        source=recipe.published.source,
        dataset=recipe.dataset,
        task=recipe.task,
        variants=tuple(recipe.vary),
        published=numbers,
    )


def _scale(scale: str) -> Scale:
    for known in SCALES:
        if scale == known:
            return known
    raise ProjectError(f"--scale {scale}: no such scale; {nearest(scale, SCALES)}")


def _existing(data: Path) -> Path:
    if not data.exists():
        raise CovermapError(
            f"--data {data}: no such folder; leave --data out to try the recipe on a miniature"
        )
    return data


def _miniature(recipe: Recipe, folder: Path) -> Path:
    """The generated data set in `folder`, written unless it is there already."""
    place, note = folder / _DATA, folder / _NOTE
    asked = {"miniature": recipe.dataset, "seed": 0}
    if place.exists():
        if not note.exists() or read_json(note) != asked:
            raise OutputError(
                f"{place}: is no miniature of {recipe.dataset} that this recipe wrote; choose "
                f"another --out, or use it: --data {place}"
            )
        return place
    # Noted first: a set that is stopped before its note would be taken for a stranger's.
    write_json(note, asked)
    dataset_named(recipe.dataset).miniature(place, 0)
    return place


def _told_data(recipe: Recipe, data: str | Path | None) -> str | None:
    if data is not None:
        return None
    return (
        f"MINIATURE: a small generated set in the layout of {recipe.dataset}, not the published "
        "data. Its scores say that everything works; they are not comparable with any published "
        "number. With --data DIR the recipe runs on the real set."
    )


def _write_project(path: Path, text: str) -> None:
    """Write the project file, unless somebody else's stands there."""
    first = text.splitlines()[0]
    if path.exists() and path.read_text(encoding="utf-8").split("\n", 1)[0] != first:
        raise OutputError(
            f"{path}: already exists and is no project of this recipe; choose another --out"
        )
    with complete_file(path) as scratch:
        scratch.write_text(text, encoding="utf-8")
