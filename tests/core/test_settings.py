"""Settings: what a project file may say, and how a mistake in it is told."""

import datetime

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


class Top(Settings):
    items: list[Item] = Field(default_factory=list)
    deep: Deep = Deep()
    by_name: dict[str, int] | None = None
    size: int = 32

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
        ({"qqq": 3}, "p.yaml: unknown key 'qqq'; known: items, deep, by_name, size"),
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
        ({"deep": {"inner_key": "many"}}, "deep.inner_key: Input should be a valid integer"),
        ({"deep": {"date": "soon"}}, "deep.date: Input should be a valid date"),
        ({"by_name": {"water": "wet"}}, "by_name.water: Input should be a valid integer"),
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
    assert "items.0.scale: Input should be a valid number" in text
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
