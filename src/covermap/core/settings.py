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
        path = _key_path(model, item["loc"], last_is_key=item["type"] == "extra_forbidden")
        key = ".".join(str(part) for part in path)
        if item["type"] == "extra_forbidden":
            owner = _owner(model, path[:-1])
            known = list(owner.model_fields) if owner else []
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


def _key_path(
    model: type[Settings], location: tuple[int | str, ...], last_is_key: bool
) -> list[int | str]:
    """Keys and list places of the file that lead to a mistake."""
    path: list[int | str] = []
    for place, part in enumerate(location):
        owner = _owner(model, path)
        is_key = owner is not None and part in owner.model_fields
        if is_key or (last_is_key and place == len(location) - 1) or not _is_union_tag(part):
            path.append(part)
    return path


def _is_union_tag(part: int | str) -> bool:
    # pydantic adds the name of the tried member of a union to the location: no key of the file.
    return isinstance(part, str) and (
        part in {"str", "int", "float", "bool", "date"} or part.endswith("Settings") or "[" in part
    )


def _owner(model: type[Settings], path: list[int | str]) -> type[Settings] | None:
    """The settings class that holds the key at `path`, found by walking the annotations."""
    current: type[Settings] | None = model
    for part in path:
        if isinstance(part, int):
            continue
        if current is None or part not in current.model_fields:
            return None
        current = _settings_in(current.model_fields[part].annotation)
    return current


def _settings_in(annotation: Any) -> type[Settings] | None:
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _settings_in(inner)
        if found is not None:
            return found
    return None
