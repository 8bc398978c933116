"""doctor reads a project as its run will."""

import numpy as np
import pytest

from covermap.core.errors import LabelError
from covermap.verbs.doctor import doctor
from pictures import write_picture


@pytest.fixture
def folder(tmp_path):
    for number in range(14):
        write_picture(tmp_path / f"a{number}.png", np.zeros((32, 32), int), seed=number)
    return tmp_path


def project(folder, rows, task, column):
    (folder / "t.csv").write_text("file,told\n" + "".join(rows), encoding="utf-8")
    path = folder / "project.yaml"
    path.write_text(
        "imagery: [{path: '*.png', join: false}]\n"
        f"labels: {{tags: t.csv, column: {column}}}\ntask: {task}\n",
        encoding="utf-8",
    )
    return path


def test_numbers_of_a_regression_are_no_classes(folder):
    rows = [f"a{n}.png,{n + 0.5}\n" for n in range(14)]
    (labels,) = doctor([project(folder, rows, "regression", "told")]).labels
    assert "told: 14 pictures, 0.5 to 13.5, mean 7" in labels.notes


def test_several_labels_are_no_class(folder):
    rows = [f"a{n}.png,corn;soy\n" for n in range(14)]
    with pytest.raises(LabelError, match="14 pictures carry several labels"):
        doctor([project(folder, rows, "classification", "told")])
