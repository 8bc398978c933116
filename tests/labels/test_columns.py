"""Which column holds the classes, and values as text."""

import numpy as np
import pandas as pd
import pytest

from covermap.labels.columns import are_ids, as_text, choose_class_column, is_integer_like

ROWS = 20
NUMBERS = list(range(ROWS))
TEXT = ["forest", "water", "urban", "crop"] * 5
CODES = [1, 2, 3, 4] * 5
MEASURED = np.linspace(0, 1, 4).tolist() * 5


@pytest.mark.parametrize(
    ("columns", "chosen"),
    [
        ({"fid": NUMBERS, "kind": TEXT}, "kind"),
        ({"code": CODES, "who": TEXT}, "who"),
        ({"area": MEASURED, "code": CODES}, "code"),
        ({"who": ["ann", "bob"] * 10, "cover": TEXT}, "cover"),
        ({"note": ["a", "b"] * 10, "kind": TEXT}, "note"),
        ({"fid": NUMBERS, "note": [f"text {n}" for n in NUMBERS]}, "fid"),
        ({"year": ["2018", "2019"] * 10, "kind": TEXT}, "kind"),
        ({"one": ["forest"] * ROWS}, None),
        ({}, None),
    ],
)
def test_repeated_text_comes_before_integers_before_others(columns, chosen):
    table = pd.DataFrame(columns, index=range(ROWS))
    assert choose_class_column(table).column == chosen


@pytest.mark.parametrize("who", ["observer", "individual-local-identifier", "survey date"])
def test_a_column_of_something_else_by_its_name_comes_after_others(who):
    table = pd.DataFrame({who: ["ann", "bob"] * 10, "stand": TEXT})
    found = choose_class_column(table)
    assert (found.column, found.is_doubtful) == ("stand", False)
    found = choose_class_column(table[[who]])
    assert (found.column, found.is_doubtful) == (who, True)


def test_what_is_the_same_in_all_rows_is_a_class_for_want_of_another():
    table = pd.DataFrame({"sensor": ["S2"] * ROWS, "kind": TEXT})
    assert choose_class_column(table, fewest=1).column == "kind"
    assert choose_class_column(table[["sensor"]], fewest=1).column == "sensor"
    built = pd.DataFrame({"class": ["building"] * ROWS, "floors": CODES})
    assert choose_class_column(built, fewest=1).column == "class"


def test_dates_and_numbers_are_classes_for_want_of_better_ones():
    assert choose_class_column(pd.DataFrame({"height": MEASURED})).is_doubtful
    assert not choose_class_column(pd.DataFrame({"code": CODES})).is_doubtful


def test_more_than_sixty_values_are_no_classes():
    many = pd.DataFrame({"name": [f"n{i % 61}" for i in range(200)], "code": [0, 1] * 100})
    found = choose_class_column(many)
    assert found.column == "code"
    assert found.passed_over == ("name (61 values)",)


def test_the_columns_passed_over_are_told():
    table = pd.DataFrame({"cover": TEXT, "code": CODES, "empty": [None] * ROWS})
    found = choose_class_column(table)
    assert found.column == "cover"
    assert found.passed_over == ("code (less likely)", "empty (0 values)")


def test_null_and_blank_are_no_class():
    values = as_text(
        pd.Series([" forest ", "", "  ", None, np.nan, pd.NaT, pd.NA, "0"], dtype=object)
    )
    assert values.tolist() == ["forest", *[None] * 6, "0"]


@pytest.mark.parametrize(
    ("values", "told", "integers"),
    [
        (pd.Series([1.0, 2.0, np.nan]), ["1", "2", None], True),
        (pd.Series([1, 2, 0]), ["1", "2", "0"], True),
        (pd.Series([1, None], dtype="Int64"), ["1", None], True),
        (pd.Series([1.5, 2.0]), ["1.5", "2.0"], False),
        (pd.Series(["1", "2"]), ["1", "2"], False),
        (pd.Series([True, False]), ["True", "False"], False),
        (pd.Series([np.nan, np.nan]), [None, None], False),
        (pd.Series([1.0, np.inf, -np.inf]), ["1.0", "inf", "-inf"], False),
        (pd.Series([["x", "y"], [], None]), ["['x', 'y']", "[]", None], False),
        (pd.Series([np.array([1, 2]), np.array([np.nan])]), ["[1 2]", "[nan]"], False),
        (pd.Series([{"q": 1}, {}]), ["{'q': 1}", "{}"], False),
    ],
)
def test_whole_numbers_are_told_without_a_point(values, told, integers):
    assert as_text(values).tolist() == told
    assert is_integer_like(values) is integers


@pytest.mark.parametrize(
    "strange", [[["x", "y"], ["z"]] * 10, [{"q": 1}, {"q": 2}] * 10, [1.0, np.inf] * 10]
)
def test_a_column_of_lists_or_infinite_numbers_is_passed_over(strange):
    found = choose_class_column(pd.DataFrame({"cover": TEXT, "more": strange}))
    assert found.column == "cover"
    assert found.passed_over == ("more (less likely)",)


def test_rows_keep_their_numbers():
    values = pd.Series(["a", None], index=[7, 3])
    assert as_text(values).index.tolist() == [7, 3]


def test_codes_that_mix_classes_are_told():
    table = pd.DataFrame({"id": [1, 2, 3, 3, 4, 4], "cover": ["a", "b", "c", "d", "d", "d"]})
    (told,) = choose_class_column(table).passed_over
    assert told == "id (less likely; disagrees with cover: 3 is c and d)"
    (told,) = choose_class_column(table.assign(id=[1, 2, 3, 4, 4, 4])).passed_over
    assert told == "id (less likely)"


@pytest.mark.parametrize(
    "column",
    [
        pd.to_datetime(["2020-07-01", "2020-07-02"] * 10),
        ["01.07.2020", "2.7.2020"] * 10,
        ["2020-07-01", "2020-07-02 10:30"] * 10,
        ["1,5", "12,25"] * 10,
    ],
)
def test_dates_and_numbers_with_commas_come_after_codes(column):
    table = pd.DataFrame({"seen": column, "code": CODES})
    assert choose_class_column(table).column == "code"
    assert choose_class_column(table[["seen"]]).column == "seen"


@pytest.mark.parametrize(
    ("values", "ids"),
    [
        (["1", "10", "2"], True), (["0", "65534"], True), (["65535"], False), (["-1"], False),
        (["07", "7"], False), (["1", "²"], False), (["1.0"], False), (["1", "a"], False),
        ([], False),
    ],
)  # fmt: skip
def test_texts_are_ids_where_they_are_whole_numbers_in_the_usual_way(values, ids):
    assert are_ids(values) is ids
