"""`vary:` in a project file: one project that differs in a few keys, run several times."""

from __future__ import annotations

import copy
import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from covermap.core.errors import ProjectError
from covermap.project.schema import Project, checked_project, read_values

_EXAMPLE = "vary: {loss: [{cross_entropy: 1}, {dice: 1}]} or vary: {small: {chips: {size: 64}}}"
_MOST = 100


@dataclass(frozen=True)
class Variant:
    """One of the projects that `vary` makes.

    Attributes
    ----------
    name : str
    changes : dict
        What it says other than the project, by (dotted) key.
    project : Project
        With these changes, and without `vary`.
    """

    name: str
    changes: dict[str, Any]
    project: Project

    @property
    def folder(self) -> str:
        """Name of the variant's own folder."""
        return _folder_name(self.name)


def read_variants(path: Path) -> tuple[Variant, ...]:
    """The projects that the file's `vary` makes, in its order.

    `vary` is either lists of values by key, of which all combinations are taken, or changes by the
    name of a variant. A key's value takes the place of the project's own; a dotted key such as
    `training.epochs` changes that one alone.

    Raises
    ------
    ProjectError
        The file cannot be used, or the `vary` of it, or a variant is no valid project.
    """
    values = read_values(path)
    if not isinstance(values, dict) or values.get("vary") is None:
        raise ProjectError(f"{path}: vary: is missing, e.g. {_EXAMPLE}")
    # A mistake outside `vary` is told as such, not as one of the first variant.
    checked_project(values, path, str(path))
    own = {key: value for key, value in values.items() if key != "vary"}
    variants = []
    for name, changes in _changes(path, values["vary"]).items():
        where = f"{path}: vary: {name}"
        if "vary" in changes:
            raise ProjectError(f"{where}: a variant cannot vary again; leave vary out of it")
        project = checked_project(laid_over(own, changes, where), path, where)
        variants.append(Variant(name, changes, project))
    _require_own_folders(path, variants)
    return tuple(variants)


def laid_over(
    values: Mapping[str, Any], changes: Mapping[str, Any], where: str = "project"
) -> dict[str, Any]:
    """A project's keys with changes of some of them.

    Raises
    ------
    ProjectError
        A dotted key leads through a value that holds no keys.

    Examples
    --------
    >>> laid_over({"loss": {"dice": 1}, "seed": 1}, {"loss": {"focal": 1}, "training.epochs": 3})
    {'loss': {'focal': 1}, 'seed': 1, 'training': {'epochs': 3}}
    """
    changed = copy.deepcopy(dict(values))
    for key, value in changes.items():
        *parents, last = str(key).split(".")
        holder = changed
        for depth, parent in enumerate(parents):
            inner = holder.setdefault(parent, {})
            if not isinstance(inner, dict):
                raise ProjectError(
                    f"{where}: {key}: {'.'.join(parents[: depth + 1])} holds no keys but "
                    f"{inner!r}; write {parents[0]}: with all its keys"
                )
            holder = inner
        holder[last] = copy.deepcopy(value)
    return changed


def _changes(path: Path, vary: Any) -> dict[str, dict[str, Any]]:
    """Changes of each variant by its name."""
    if not isinstance(vary, dict) or not vary:
        raise ProjectError(f"{path}: vary: expected keys with lists, or variants; e.g. {_EXAMPLE}")
    if all(isinstance(value, dict) for value in vary.values()):
        return {str(name): dict(changes) for name, changes in vary.items()}
    for key, value in vary.items():
        if not isinstance(value, list) or not value:
            raise ProjectError(
                f"{path}: vary: {key}: expected a list of values, as other keys have; e.g. "
                f"{_EXAMPLE}"
            )
    combinations = list(itertools.product(*vary.values()))
    if len(combinations) > _MOST:
        raise ProjectError(
            f"{path}: vary: makes {len(combinations):,} runs; at most {_MOST} are compared"
        )
    named: dict[str, dict[str, Any]] = {}
    for values in combinations:
        name = ", ".join(_told(value) for value in values)
        if name in named:
            raise ProjectError(
                f"{path}: vary: two variants would be called '{name}'; name them: {_EXAMPLE}"
            )
        named[name] = dict(zip(vary, values, strict=True))
    return named


def _told(value: Any) -> str:
    """A value in few words: the terms of a loss, an encoder, a number.

    Examples
    --------
    >>> _told({"cross_entropy": 1, "dice": 0.5})
    'cross_entropy + dice 0.5'
    """
    if isinstance(value, dict):
        parts = [str(key) if item == 1 else f"{key} {_told(item)}" for key, item in value.items()]
        return " + ".join(parts)
    if isinstance(value, list):
        return " ".join(_told(item) for item in value)
    return str(value)


def _folder_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._+]+", "-", name).strip("-.")


def _require_own_folders(path: Path, variants: list[Variant]) -> None:
    taken: dict[str, str] = {}
    for variant in variants:
        # Folders that differ in case alone are one folder on some systems.
        folder = variant.folder.casefold()
        if not folder:
            raise ProjectError(
                f"{path}: vary: '{variant.name}' gives a folder no name; use letters and digits"
            )
        if folder in taken:
            raise ProjectError(
                f"{path}: vary: '{taken[folder]}' and '{variant.name}' would share the folder "
                f"{variant.folder}; give one of them another name"
            )
        taken[folder] = variant.name
