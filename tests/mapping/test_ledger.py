import pytest

from covermap.mapping.ledger import open_ledger


def test_rows_done_are_found_again(tmp_path):
    path = tmp_path / "ledger.json"
    open_ledger(path, "abc").noted(3).noted(4)
    assert open_ledger(path, "abc").rows_done == 4


def test_work_of_another_map_counts_as_none(tmp_path):
    path = tmp_path / "ledger.json"
    open_ledger(path, "abc").noted(3)
    assert open_ledger(path, "abd").rows_done == 0


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"digest": "abc"}', "\xff"])
def test_a_broken_ledger_counts_as_none(tmp_path, text):
    path = tmp_path / "ledger.json"
    path.write_bytes(text.encode("latin-1"))
    assert open_ledger(path, "abc").rows_done == 0


def test_a_closed_ledger_leaves_no_file(tmp_path):
    ledger = open_ledger(tmp_path / "ledger.json", "abc").noted(1)
    ledger.closed()
    ledger.closed()
    assert list(tmp_path.iterdir()) == []
