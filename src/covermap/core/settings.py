"""The base of all settings: what a project file may say, and how a mistake in it is told."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from covermap.core.errors import ProjectError, nearest

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


class Settings(BaseModel):
    """A part of the project file. Unknown keys are refused; values do not change once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


SettingsType = TypeVar("SettingsType", bound=Settings)

# pydantic's kinds of error where a value is of another kind than the key takes, and what it takes.
_KINDS = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "list_type": "a list such as [a, b]",
    "tuple_type": "a list such as [a, b]",
    "dict_type": "`key: value` pairs",
    "model_type": "`key: value` pairs",
    "date_type": "a date such as 2020-07-16",
    "date_parsing": "a date such as 2020-07-16",
    "date_from_datetime_parsing": "a date such as 2020-07-16",
    "literal_error": "{expected}",
}
_LIMITS = {
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than": "less than {lt:g}",
    "less_than_equal": "at most {le:g}",
    "multiple_of": "a multiple of {multiple_of:g}",
}
_Path = tuple[int | str, ...]


@dataclass(frozen=True)
class _Fault:
    """One thing that is wrong: `expected` what a value should be, or else `text` as it is told."""

    path: _Path
    text: str = ""
    expected: str = ""
    found: Any = None
    wrong_kind: bool = False

    @property
    def key(self) -> str:
        return ".".join(str(part) for part in self.path)


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
    faults = [_fault(model, item) for item in error.errors()]
    told: list[str] = []
    for fault in faults:
        if fault.wrong_kind and any(_below(other.path, fault.path) for other in faults):
            # A key that takes a number or settings was given settings: their own faults matter.
            continue
        told.append(_merged(fault, faults) if fault.expected else fault.text)
    unique = list(dict.fromkeys(told))
    return "; ".join(unique[:3]) + (f"; and {len(unique) - 3} more" if len(unique) > 3 else "")


def _fault(model: type[Settings], item: ErrorDetails) -> _Fault:
    kind, found, context = item["type"], item.get("input"), item.get("ctx", {})
    path, holders, inside = _followed(model, item["loc"], last_is_key=kind == "extra_forbidden")
    key = ".".join(str(part) for part in path)
    if kind == "extra_forbidden":
        known = list(holders[0].model_fields) if holders else []
        return _Fault(path, f"unknown key '{key}'; {nearest(str(path[-1]), known)}")
    if kind == "missing":
        return _Fault(path, f"key '{key}' is missing")
    if kind in _KINDS or kind in _LIMITS:
        expected = (_KINDS.get(kind) or _LIMITS[kind]).format(**context)
        if kind == "model_type" and inside:
            expected += f", such as {{{next(iter(inside[0].model_fields))}: ...}}"
        return _Fault(path, expected=expected, found=found, wrong_kind=kind in _KINDS)
    message = item["msg"].removeprefix("Value error, ")
    return _Fault(path, f"{key}: {message}{_shown(found)}" if key else message)


def _merged(fault: _Fault, faults: list[_Fault]) -> str:
    """All that a value might have been: a key may take several kinds."""
    same = [other for other in faults if other.path == fault.path and other.expected]
    # A number that is too small, where the key takes numbers, is no wrong word.
    near = [other for other in same if not other.wrong_kind] or same
    wanted = " or ".join(dict.fromkeys(other.expected for other in near))
    hint = _nearest_of(fault.found, wanted) if isinstance(fault.found, str) else ""
    return f"{fault.key}: expected {wanted}{_shown(fault.found)}{hint}"


def _below(path: _Path, above: _Path) -> bool:
    return len(path) > len(above) and path[: len(above)] == above


def _shown(found: Any) -> str:
    if found is None:
        return " (got nothing)"
    return "" if isinstance(found, dict | list) else f" (got {found!r})"


def _nearest_of(word: str, quoted: str) -> str:
    hint = nearest(word, re.findall(r"'([^']*)'", quoted))
    return f"; {hint}" if hint.startswith("did you mean") else ""


def _followed(
    model: type[Settings], location: _Path, last_is_key: bool
) -> tuple[_Path, list[type[Settings]], list[type[Settings]]]:
    """Keys and list places that lead to a mistake, what may hold the last key, and what it takes.

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
    return tuple(path), holders, candidates


def _is_union_tag(part: int | str) -> bool:
    # pydantic adds the name of the tried member of a union to the location: no key of the file.
    return isinstance(part, str) and (
        part in {"str", "int", "float", "bool", "date"}
        or part.endswith("Settings")
        or part.startswith("constrained-")
        or "[" in part
    )


def _settings_in(annotation: Any) -> list[type[Settings]]:
    """The settings classes that an annotation allows, in its order."""
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return [annotation]
    inner = getattr(annotation, "__args__", ())
    return [found for item in inner for found in _settings_in(item)]
