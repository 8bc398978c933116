"""Mapping what is tested: each window once, and no scored pixel without a class."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from covermap.core.grid import Window
from covermap.core.legend import Legend
from covermap.mapping import engine
from covermap.mapping.settings import MapSettings
from covermap.verbs import evaluate_weak, tested_ground
from tiny import tiny_geobox

LEGEND = Legend.of({1: "field", 2: "forest"})


class Asked(list):
    """Counts how often it is walked through."""

    times = 0

    def __iter__(self):
        self.times += 1
        return super().__iter__()


def test_the_windows_of_many_scenes_are_walked_through_once(tmp_path, monkeypatch):
    windows = Asked((f"s{n % 30}", Window(32 * (n // 30), 0, 32, 32)) for n in range(90))
    scenes = {f"s{n}": SimpleNamespace(name=f"s{n}", geobox=tiny_geobox(96, 32)) for n in range(30)}
    mapped, titles = {}, []
    monkeypatch.setattr(tested_ground, "run_predictor", lambda *_: None)
    monkeypatch.setattr(tested_ground, "map_key", lambda *_: "key")

    def noted(scene, *_, ground, title, **__):
        mapped[scene.name] = ground
        titles.append(title)

    monkeypatch.setattr(engine, "map_scene", noted)
    workspace = SimpleNamespace(
        project=SimpleNamespace(map=MapSettings()),
        viewer=SimpleNamespace(scenes=scenes),
        sources=SimpleNamespace(reading_digest=lambda scene: "read"),
    )
    tested_ground.map_tested(
        workspace,
        SimpleNamespace(windows=windows),
        SimpleNamespace(combiner=None),
        lambda name: tmp_path / f"{name}.tif",
        ("class",),
        "title",
    )
    assert windows.times == 1
    assert titles == [f"title, {name}" for name in scenes]
    assert list(mapped) == list(scenes)
    assert all(ground.area == scenes["s0"].geobox.extent.geom.area for ground in mapped.values())


def test_a_counted_pixel_that_the_map_of_a_combiner_lacks_stops_the_scoring(monkeypatch):
    counted = np.ones((2, 2), bool)
    view = SimpleNamespace(target=SimpleNamespace(index=np.zeros((2, 2), int)), groups=1 * counted)
    score = SimpleNamespace(
        windows=[("a", Window(0, 0, 2, 2))], read=lambda _: view, counted=lambda _: counted
    )
    ids = np.array([[1, 2], [1, LEGEND.nodata]])
    monkeypatch.setattr(
        evaluate_weak, "_combiner", lambda *_: SimpleNamespace(chips=(), reported_as="")
    )
    monkeypatch.setattr(evaluate_weak, "_mapped", lambda *_: Path("combiners"))
    monkeypatch.setattr(evaluate_weak, "read_map_window", lambda *_: ids)
    workspace = SimpleNamespace(
        labels=SimpleNamespace(legend=LEGEND),
        split=SimpleNamespace(assessed=LEGEND.names),
        project=SimpleNamespace(seed=0),
    )
    lesson = SimpleNamespace(name="fold1", score=score)
    with pytest.raises(RuntimeError, match="combiners: scored pixels are not mapped"):
        evaluate_weak._scores(workspace, [lesson], "argmax")
    ids[1, 1] = 2
    found = evaluate_weak._scores(workspace, [lesson], "argmax")
    assert found["overall_accuracy"] == 0.5
