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
