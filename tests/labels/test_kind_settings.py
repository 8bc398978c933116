"""Which kind of labels a project asks for, and what is told where it asks for two."""

import pytest

from covermap.core.errors import ProjectError
from covermap.core.settings import parse
from covermap.labels.kind_settings import DensitySettings, TagSettings
from covermap.labels.settings import LabelSettings
from covermap.project.schema import Project


def project(labels, **more):
    return parse(Project, {"imagery": "a.tif", "labels": labels, **more}, "p.yaml")


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        ("x.gpkg", LabelSettings),
        ({"path": "x.gpkg"}, LabelSettings),
        ({"tags": "folders"}, TagSettings),
        ({"tags": "t.csv", "column": ["a", "b"]}, TagSettings),
        ({"points": "p.gpkg", "cap": 45}, DensitySettings),
        ({"points": "p.gpkg", "cap": {"over": "nonzero"}}, DensitySettings),
    ],
)
def test_the_leading_key_says_the_kind(labels, kind):
    assert type(project(labels).labels) is kind


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ({"tags": "t.csv", "path": "x"}, "`path` and `tags` are given"),
        ({"path": "x", "column": "y"}, "`column` goes with `tags`, not with `path`"),
        ({"points": "x", "complete": True}, "`complete` goes with `path`, not with `points`"),
        ({"tags": "t.csv", "colum": "x"}, "unknown key 'labels.colum'; did you mean 'column'"),
        ({"points": "x", "cap": {"percentil": 9}}, "'labels.cap.percentil'; did you mean"),
        ({"points": "x", "cap": 0}, "labels.cap: a fixed cap is a number of points above 0"),
        ({"points": "x", "cap": float("inf")}, "labels.cap: a fixed cap is a number of points"),
        ({"points": "x", "cap": float("nan")}, "labels.cap: a fixed cap is a number of points"),
        ({"points": "x", "cap": True}, "labels.cap: a fixed cap is a number of points above 0"),
        ({"points": "x", "cap": "inf"}, "labels.cap"),
        ({"points": "x", "levels": [3, 3]}, "labels.levels: levels are least counts"),
        ({"points": "x", "until": "2019-01-01"}, "time: COLUMN and since: or until: go together"),
        ({"points": "x", "time": "t", "since": "2019-01-02", "until": "2019-01-01"},
         "should be before until"),
        ({"points": "x", "areas_layer": "l"}, "names a layer of areas:, which is missing"),
        ({"tags": "folders", "column": "x"}, "'column' is for a table of tags"),
        ({"tags": "folders", "multilabel": True}, "cannot be multilabel"),
        ({"tags": "t.csv", "column": []}, "column: expected the name of a column"),
        ({"path": "x", "presence": {"threshold": 1}}, "labels.presence.threshold"),
        ({"path": "x", "presence": {}}, "presence is for whole chips"),
        ({"path": "x", "regions": {"size": 0}}, "at least 1 pixel"),
        ({}, "key 'labels.path' is missing"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(labels, told):
    with pytest.raises(ProjectError) as caught:
        project(labels)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_labels_and_task_must_fit():
    assert project({"points": "x"}, task="regression").task == "regression"
    assert project({"path": "x", "presence": {}}, task="multilabel").labels.presence
    with pytest.raises(ProjectError, match="task: regression needs numbers as labels"):
        project({"tags": "folders"}, task="regression")
    with pytest.raises(ProjectError, match="labels: points is for task: regression"):
        project({"points": "x"}, task="classification")
