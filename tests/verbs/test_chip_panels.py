"""Tested chips as a report shows them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from covermap.verbs import chip_panels
from covermap.verbs.evaluate_chips import TABLE, ScoredChip, write_scored
from tiny import ArrayScene, tiny_geobox


def test_a_small_picture_is_shown_without_its_padding_and_no_answer_without_a_chance(
    tmp_path, monkeypatch
):
    (tmp_path / "evaluation").mkdir()
    chips = [
        ScoredChip("final", "tiny", 0, 0, ("road",), ("road",), 0.9),
        ScoredChip("final", "tiny", 0, 0, (), (), 0.34),
    ]
    write_scored(tmp_path / "evaluation" / TABLE, chips)
    bundle = SimpleNamespace(chip_size=64, channels=())
    monkeypatch.setattr(chip_panels, "read_bundle", lambda folder: bundle)
    drawn = []
    monkeypatch.setattr(chip_panels, "chip_panels_figure", drawn.append)
    monkeypatch.setattr(chip_panels, "figure_uri", lambda figure, kind: "")
    scene = ArrayScene(np.zeros((3, 40, 50)), None, tiny_geobox(40, 50), ("B04", "B03", "B02"))
    chip_panels.chip_panels(
        SimpleNamespace(
            folder=SimpleNamespace(path=tmp_path),
            viewer=SimpleNamespace(scenes={"tiny": scene}),
            regions={},
        )
    )
    (panels,) = drawn
    assert {panel.image.shape for panel in panels} == {(40, 50, 3)}
    assert {panel.prediction: panel.confidence for panel in panels} == {("road",): 0.9, (): None}
