"""The base of all settings: what a project file may say, and how a mistake in it is told."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from covermap.core.errors import ProjectError, nearest


class Settings(BaseModel):
    """A part of the project file. Unknown keys are refused; values do not change once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


SettingsType = TypeVar("SettingsType", bound=Settings)


def parse(model: type[SettingsType], values: Any, where: str) -> SettingsType:
    """Validate `values`, turning what is wrong into one line that says what to type.

    Raises
    ------
    ProjectError
        With the key, what was found, and the nearest known key.
    """
    if not isinstance(values, dict):
        raise ProjectError(f"{where}: expected 'key: value' lines, got {type(values).__name__}")
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ProjectError(f"{where}: {_told(model, error)}") from None


def _told(model: type[Settings], error: ValidationError) -> str:
    parts = []
    for item in error.errors():
        unknown = item["type"] == "extra_forbidden"
        path, holders = _followed(model, item["loc"], last_is_key=unknown)
        key = ".".join(str(part) for part in path)
        if unknown:
            known = list(holders[0].model_fields) if holders else []
            parts.append(f"unknown key '{key}'; {nearest(str(path[-1]), known)}")
        elif item["type"] == "missing":
            parts.append(f"key '{key}' is missing")
        else:
            message = item["msg"].removeprefix("Value error, ")
            found = item.get("input")
            shown = "" if isinstance(found, dict | list) else f" (got {found!r})"
            parts.append(f"{key}: {message}{shown}" if key else message)
    unique = list(dict.fromkeys(parts))
    return "; ".join(unique[:3]) + (f"; and {len(unique) - 3} more" if len(unique) > 3 else "")


def _followed(
    model: type[Settings], location: tuple[int | str, ...], last_is_key: bool
) -> tuple[list[int | str], list[type[Settings]]]:
    """Keys and list places of the file that lead to a mistake, and what may hold the last key.

    Where a key takes settings of several kinds, pydantic's location names the kind that was tried.
    """
    path: list[int | str] = []
    holders = candidates = [model]
    for place, part in enumerate(location):
        tried = [item for item in candidates if item.__name__ == part]
        if tried:
            candidates = tried
            continue
        owner = next((item for item in candidates if part in item.model_fields), None)
        is_last_key = last_is_key and place == len(location) - 1
        if owner is None and not is_last_key and _is_union_tag(part):
            continue
        path.append(part)
        if isinstance(part, int):
            continue
        holders = candidates
        candidates = [] if owner is None else _settings_in(owner.model_fields[part].annotation)
    return path, holders


def _is_union_tag(part: int | str) -> bool:
    # pydantic adds the name of the tried member of a union to the location: no key of the file.
    return isinstance(part, str) and (
        part in {"str", "int", "float", "bool", "date"} or part.endswith("Settings") or "[" in part
    )


def _settings_in(annotation: Any) -> list[type[Settings]]:
    """The settings classes that an annotation allows, in its order."""
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return [annotation]
    inner = getattr(annotation, "__args__", ())
    return [found for item in inner for found in _settings_in(item)]
