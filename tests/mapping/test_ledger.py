import numpy as np
import pytest

from covermap.mapping.ledger import open_ledger


def test_rows_done_are_found_again(tmp_path):
    path = tmp_path / "ledger.json"
    open_ledger(path, "abc").noted(range(3)).noted(range(3, 4))
    assert open_ledger(path, "abc").done == ((0, 4),)


def test_rows_done_in_any_order_leave_the_gaps(tmp_path):
    path = tmp_path / "ledger.json"
    ledger = open_ledger(path, "abc")
    assert ledger.missing(9) == (range(9),)
    for rows in (range(5, 7), range(2, 3), range(6, 8), range(3, 4), range(0)):
        ledger = ledger.noted(rows)
    assert ledger.missing(9) == (range(2), range(4, 5), range(8, 9))
    assert open_ledger(path, "abc").missing(9) == ledger.missing(9)
    assert ledger.noted(range(9)).missing(9) == ()


def test_work_of_another_map_counts_as_none(tmp_path):
    path = tmp_path / "ledger.json"
    open_ledger(path, "abc").noted(range(3))
    assert open_ledger(path, "abd").done == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"digest": "abc"}',
        '{"digest": "abc", "rows_done": 3}',
        '{"digest": "abc", "rows_done": [[1]]}',
        "\xff",
    ],
)
def test_a_broken_ledger_counts_as_none(tmp_path, text):
    path = tmp_path / "ledger.json"
    path.write_bytes(text.encode("latin-1"))
    assert open_ledger(path, "abc").done == ()


def test_a_closed_ledger_leaves_no_file(tmp_path):
    ledger = open_ledger(tmp_path / "ledger.json", "abc").noted(range(1))
    ledger.closed()
    ledger.closed()
    assert list(tmp_path.iterdir()) == []


def test_what_a_row_leaves_is_found_again_for_that_row_alone(tmp_path):
    ledger, left = open_ledger(tmp_path / "ledger.json", "abc"), np.eye(3, dtype=np.float32)
    assert ledger.left_by(4) is None
    ledger.keep_left(4, left)
    np.testing.assert_array_equal(open_ledger(ledger.path, "abc").left_by(4), left)
    assert ledger.left_by(3) is None
    assert open_ledger(ledger.path, "abd").left_by(4) is None


@pytest.mark.parametrize("damage", [lambda whole: b"", lambda whole: whole[: len(whole) // 2],
                                    lambda whole: b"not a zip"])  # fmt: skip
def test_a_damaged_rest_counts_as_none(tmp_path, damage):
    ledger = open_ledger(tmp_path / "ledger.json", "abc")
    ledger.keep_left(0, np.ones((2, 3, 400), np.float32))
    kept = next(tmp_path.glob("*.npz"))
    kept.write_bytes(damage(kept.read_bytes()))
    assert ledger.left_by(0) is None


def test_closing_forgets_what_a_row_left(tmp_path):
    ledger = open_ledger(tmp_path / "ledger.json", "abc").noted(range(1))
    ledger.keep_left(0, np.ones(3, np.float32))
    ledger.closed()
    assert list(tmp_path.iterdir()) == []
