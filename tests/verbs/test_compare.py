"""Which variants of a project stand side by side."""

from __future__ import annotations

from types import SimpleNamespace

from covermap.verbs.compare import Compared, by_ground


def test_variants_of_one_split_share_their_ground_whatever_bands_they_see(tmp_path):
    compared = []
    for name, chips, split in (("rgb", "a", "x"), ("seed 1", "a", "y"), ("all", "a", "x")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "chips.parquet").write_text(chips)
        (folder / "split.json").write_text(split)
        compared.append(Compared(SimpleNamespace(name=name), SimpleNamespace(path=folder)))
    groups = [[item.variant.name for item in group] for group in by_ground(compared)]
    assert groups == [["rgb", "all"], ["seed 1"]]
