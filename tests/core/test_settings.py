"""Settings: what a project file may say, and how a mistake in it is told."""

import datetime
from typing import Annotated, Literal

import pytest
from pydantic import Field, ValidationError, field_validator

from covermap.core.errors import ProjectError
from covermap.core.settings import Settings, parse


class Deep(Settings):
    inner_key: int = 1
    date: datetime.date | None = None


class Item(Settings):
    path: str | list[str]
    scale: float | list[float] | None = None
    deep: Deep | None = None


class Percentile(Settings):
    percentile: float = Field(97, le=100)


class Top(Settings):
    items: list[Item] = Field(default_factory=list)
    deep: Deep = Deep()
    by_name: dict[str, int] | None = None
    size: int = 32
    epochs: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    cap: float | Percentile = 1.0

    @field_validator("size")
    @classmethod
    def _even(cls, value):
        if value % 2:
            raise ValueError("must be even")
        return value


def complaint(values):
    with pytest.raises(ProjectError) as caught:
        parse(Top, values, "p.yaml")
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"sise": 3}, "p.yaml: unknown key 'sise'; did you mean 'size'?"),
        ({"qqq": 3}, "p.yaml: unknown key 'qqq'; known: items, deep, by_name, size, epochs, cap"),
        ({"deep": {"iner_key": 3}}, "unknown key 'deep.iner_key'; did you mean 'inner_key'?"),
        ({"deep": {"str": 3}}, "unknown key 'deep.str'; known: inner_key, date"),
        (
            {"items": [{"path": "a"}, {"path": "a", "scal": 1}]},
            "unknown key 'items.1.scal'; did you mean 'scale'?",
        ),
        (
            {"items": [{"path": "a", "deep": {"dat": 1}}]},
            "unknown key 'items.0.deep.dat'; did you mean 'date'?",
        ),
        ({"items": [{}]}, "p.yaml: key 'items.0.path' is missing"),
        ({"deep": {"inner_key": "many"}}, "deep.inner_key: expected a whole number (got 'many')"),
        ({"deep": {"inner_key": None}}, "deep.inner_key: expected a whole number (got nothing)"),
        ({"deep": {"date": "soon"}}, "deep.date: expected a date such as 2020-07-16"),
        ({"by_name": {"water": "wet"}}, "by_name.water: expected a whole number"),
        ({"by_name": ["water"]}, "p.yaml: by_name: expected `key: value` pairs"),
        ({"deep": "x"}, "deep: expected `key: value` pairs, such as {inner_key: ...} (got 'x')"),
        ({"items": "x"}, "items: expected a list such as [a, b] (got 'x')"),
        ({"epochs": "many"}, "p.yaml: epochs: expected a whole number or 'auto' (got 'many')"),
        ({"epochs": "auot"}, "(got 'auot'); did you mean 'auto'?"),
        ({"epochs": -3}, "p.yaml: epochs: expected at least 1 (got -3)"),
        ({"cap": {"percentile": 101}}, "p.yaml: cap.percentile: expected at most 100 (got 101)"),
        ({"cap": [1]}, "p.yaml: cap: expected a number or `key: value` pairs"),
        ({"size": 33}, "p.yaml: size: must be even (got 33)"),
        ([1], "p.yaml: expected 'key: value' lines, got list"),
        ("text", "p.yaml: expected 'key: value' lines, got str"),
        ({3: 4}, "p.yaml: "),
    ],
)
def test_a_mistake_is_told_with_its_key_and_what_is_known(values, told):
    assert told in complaint(values)


def test_both_readings_of_a_value_are_told_once_under_its_key():
    text = complaint({"items": [{"path": "a", "scale": "x"}]})
    assert "items.0.scale: expected a number or a list such as [a, b] (got 'x')" in text
    assert "float" not in text


def test_many_mistakes_are_counted():
    text = complaint({f"unknown{number}": 1 for number in range(5)})
    assert text.endswith("; and 2 more")
    assert text.count("unknown key") == 3


def test_what_is_read_does_not_change():
    read = parse(Top, {"size": 4}, "p.yaml")
    with pytest.raises(ValidationError):
        read.size = 6


def test_wrong_defaults_of_our_own_are_found():
    class Wrong(Settings):
        size: int = Field(default=-1, ge=0)

    with pytest.raises(ProjectError, match="size"):
        parse(Wrong, {}, "p.yaml")
