import json

import numpy as np
import pytest
import sklearn.metrics as oracle
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from covermap.assessment.class_table import class_table, confusion_forms
from covermap.assessment.tally import Tally

# seeds.md 4.4
C = Tally(np.array([[50, 3, 2], [5, 30, 5], [0, 2, 3]]))
labels = arrays(np.int64, 30, elements=st.integers(0, 3))


def test_the_report_of_the_oracle():
    table = class_table(C, ["a", "b", "c"])
    assert table.macro.precision == pytest.approx(0.6887445887)
    assert table.macro.recall == pytest.approx(0.7530303030)
    assert table.macro.f1 == pytest.approx(0.7030303030)
    assert table.weighted.f1 == pytest.approx(0.84)
    assert table.micro.f1 == pytest.approx(0.83)
    assert [row.support for row in table.classes.values()] == [55, 40, 5]


# seeds.md 1.3: need for clearing, rows true clear and need; precision, recall, F1 as printed.
@pytest.mark.parametrize(
    ("matrix", "clear", "need", "macro", "weighted"),
    [
        ([[70, 14], [14, 156]], (0.83, 0.83, 0.83), (0.92, 0.92, 0.92), 0.88, 0.89),
        ([[71, 13], [20, 138]], (0.78, 0.85, 0.81), (0.91, 0.87, 0.89), 0.85, 0.86),
        ([[140, 16], [3, 213]], (0.98, 0.90, 0.94), (0.93, 0.99, 0.96), 0.95, 0.95),
        ([[116, 13], [6, 204]], (0.95, 0.90, 0.92), (0.94, 0.97, 0.96), 0.94, 0.94),
    ],
)
def test_the_tables_of_the_clearing_study(matrix, clear, need, macro, weighted):
    table = class_table(Tally(np.array(matrix)), ["clear", "need"])
    for name, printed in (("clear", clear), ("need", need)):
        row = table.classes[name]
        assert (row.precision, row.recall, row.f1) == pytest.approx(printed, abs=0.0051)
    assert table.macro.f1 == pytest.approx(macro, abs=0.0051)
    assert table.weighted.f1 == pytest.approx(weighted, abs=0.0051)


@settings(max_examples=25)
@given(labels, labels)
def test_the_report_equals_scikit_learn(reference, prediction):
    tally = Tally.of(reference, prediction, np.ones(30, bool), 4)
    table = class_table(tally, list("abcd"))
    expected = oracle.classification_report(
        reference, prediction, labels=range(4), target_names=list("abcd"), output_dict=True,
        zero_division=np.nan,
    )  # fmt: skip
    rows = {**table.classes, "macro avg": table.macro, "weighted avg": table.weighted}
    for name, row in rows.items():
        own = [np.nan if v is None else v for v in (row.precision, row.recall, row.f1)]
        theirs = [expected[name][key] for key in ("precision", "recall", "f1-score")]
        if name == "weighted avg":
            # 0 there where no class with a score has any reference; here undefined.
            theirs = [
                np.nan if np.isnan(a) and b == 0 else b for a, b in zip(own, theirs, strict=True)
            ]
        assert own == pytest.approx(theirs, nan_ok=True)
        assert row.support == expected[name]["support"]
    assert table.micro.f1 == pytest.approx((reference == prediction).mean())


def test_a_table_of_nothing_is_json():
    found = class_table(Tally.zero(2), ["a", "b"]).to_dict()
    assert found["classes"]["a"]["precision"] is None
    assert found["weighted"]["f1"] is None
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_a_matrix_in_three_forms():
    forms = confusion_forms(np.array([[3, 1], [0, 0]]))
    assert forms.absolute.tolist() == [[3, 1], [0, 0]]
    np.testing.assert_equal(forms.by_row, [[0.75, 0.25], [np.nan, np.nan]])
    assert forms.log1p == pytest.approx(np.array([[np.log(4), np.log(2)], [0, 0]]))
