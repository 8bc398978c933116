"""YAML that a person wrote: what is wrong in it is told in one line."""

import datetime

import pytest

from covermap.core.errors import ProjectError
from covermap.core.yaml_text import loaded


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [1", "p.yaml: not valid YAML: "),
        ("a: 1\n\tb: 2", "not valid YAML: a tab, where YAML takes blanks only, line 2"),
        ("a: 2020-13-45", "holds a date or number that cannot be: month must be in 1..12"),
        ("a: 1\nb: 2\na: 3", "key 'a' stands there twice, in lines 1 and 3; keep one of them"),
        ("a: {b: 1, b: 2}", "key 'b' stands there twice, in lines 1 and 1"),
        ("!!python/object/apply:os.system ['true']", "not valid YAML: "),
        ("[" * 5000, "nested too deeply"),
    ],
)
def test_what_is_wrong_is_told_in_one_line_with_its_place(text, told):
    with pytest.raises(ProjectError) as caught:
        loaded(text, "p.yaml")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_values_are_those_of_yaml():
    text = "a: &x {b: 1}\nc: {<<: *x, d: 2020-07-16}\n1: [yes, ~]"
    assert loaded(text, "p.yaml") == {
        "a": {"b": 1},
        "c": {"b": 1, "d": datetime.date(2020, 7, 16)},
        1: [True, None],
    }
