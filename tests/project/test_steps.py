"""The run folder: whose files these are, and what need not be done again."""

import json

import pytest

from covermap.bundle.folder import write_bundle, write_scores
from covermap.core.errors import CovermapError, OutputError
from covermap.models.settings import ModelSettings
from covermap.project.steps import RunFolder, versions
from example_bundle import bundle_of

INPUTS = {"files": ["a"], "seed": 0}


@pytest.fixture
def run(tmp_path):
    """A run whose step `prepare` wrote a file and a folder."""
    folder = RunFolder.open(tmp_path / "run")
    folder.begin("prepare", seed=0)
    folder.claim(["table", "maps"])
    (folder.path / "table").write_text("rows")
    (folder.path / "maps").mkdir()
    (folder.path / "maps" / "a").write_text("map")
    folder.finish("prepare", INPUTS, ["table", "maps"])
    return folder


def reopened(run):
    return RunFolder.open(run.path)


def test_a_finished_step_is_fresh_in_the_next_process(run):
    assert reopened(run).is_fresh("prepare", INPUTS)
    assert set(reopened(run).output_digests("prepare")) == {"table", "maps"}


@pytest.mark.parametrize(
    "change",
    [
        lambda path: (path / "table").write_text("other rows"),
        lambda path: (path / "table").unlink(),
        lambda path: (path / "maps" / "b").write_text("more"),
        lambda path: (path / "maps" / "a").rename(path / "maps" / "c"),
    ],
)
def test_a_step_whose_files_changed_is_stale(run, change):
    change(run.path)
    assert not reopened(run).is_fresh("prepare", INPUTS)


@pytest.mark.parametrize("inputs", [{}, {**INPUTS, "seed": 1}, {**INPUTS, "more": None}])
def test_a_step_with_other_inputs_is_stale(run, inputs):
    assert not reopened(run).is_fresh("prepare", inputs)
    assert not reopened(run).is_fresh("train", INPUTS)


def test_scores_in_a_bundle_leave_its_training_fresh_and_are_watched_by_who_wrote_them(tmp_path):
    run = RunFolder.open(tmp_path / "run")
    bundle = write_bundle(run.path / "bundle", bundle_of(ModelSettings(), (665.0,), 2), {})
    run.finish("train", INPUTS, ["bundle"])
    write_scores(bundle, {"overall_accuracy": 0.8})
    run.finish("evaluate", INPUTS, ["bundle/bundle.json"])
    assert reopened(run).is_fresh("train", INPUTS)
    write_scores(bundle, {"overall_accuracy": 0.99})
    assert reopened(run).is_fresh("train", INPUTS)
    assert not reopened(run).is_fresh("evaluate", INPUTS)


def test_a_forgotten_step_is_done_again(run):
    run.forget("prepare")
    run.forget("never done")
    assert not run.is_fresh("prepare", INPUTS)
    assert run.output_digests("prepare") == {}


def test_only_files_that_run_json_lists_may_be_replaced(run):
    (run.path / "report.html").write_text("mine")
    again = reopened(run)
    again.claim(["table", "maps", "metrics.json"])
    with pytest.raises(OutputError, match=r"report\.html: already exists"):
        again.claim(["report.html"])
    assert run.path / "report.html" not in reopened(run).owned()


def test_what_a_killed_step_left_behind_is_still_ours(tmp_path):
    folder = RunFolder.open(tmp_path / "run")
    folder.claim(["half"])
    (folder.path / "half").write_text("ha")
    again = RunFolder.open(tmp_path / "run")
    again.claim(["half"])
    assert not again.is_fresh("prepare", INPUTS)


def test_a_claimed_name_that_was_not_used_is_given_back(tmp_path):
    folder = RunFolder.open(tmp_path / "run")
    folder.claim(["table", "folds"])
    (folder.path / "table").write_text("rows")
    folder.finish("train", INPUTS, ["table"])
    assert reopened(folder).owned() == {folder.path / "table"}
    (folder.path / "folds").mkdir()
    with pytest.raises(OutputError, match="folds: already exists"):
        reopened(folder).claim(["table", "folds"])


def test_a_forgotten_steps_files_stay_ours(run):
    run.forget("prepare")
    run.save()
    reopened(run).claim(["table", "maps"])


@pytest.mark.parametrize("content", ['{"mine": 1}', "[]", '{"steps": []}', '"text"', "3"])
def test_a_strangers_run_json_is_refused(tmp_path, content):
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(OutputError, match=r"run\.json: not written by covermap"):
        RunFolder.open(tmp_path)
    assert (tmp_path / "run.json").read_text() == content


def test_a_run_json_that_is_no_json_is_refused(tmp_path):
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(CovermapError, match=r"run\.json: not readable as JSON"):
        RunFolder.open(tmp_path)


def test_a_file_cannot_be_a_run_folder(tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(OutputError, match="is a file; give a folder with --out"):
        RunFolder.open(tmp_path / "run")


def test_opening_writes_nothing(tmp_path):
    RunFolder.open(tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_choices_are_kept_and_used_again(run):
    assert run.choice("precision") is None
    run.choose("precision", "bfloat16")
    assert reopened(run).choice("precision") == "bfloat16"


def test_the_command_seed_and_versions_are_noted_without_losing_steps(run):
    again = reopened(run)
    again.begin("train", seed=7)
    again.save()
    record = json.loads((run.path / "run.json").read_text())
    assert (record["command"], record["seed"]) == ("train", 7)
    assert record["versions"] == versions()
    assert record["versions"]["covermap"]
    assert "prepare" in record["steps"]


def test_the_record_holds_no_times_and_no_paths_of_the_machine(run, tmp_path):
    text = (run.path / "run.json").read_text()
    assert str(tmp_path) not in text
    other = RunFolder.open(tmp_path / "other")
    other.begin("prepare", seed=0)
    other.claim(["table", "maps"])
    (other.path / "table").write_text("rows")
    (other.path / "maps").mkdir()
    (other.path / "maps" / "a").write_text("map")
    other.finish("prepare", INPUTS, ["table", "maps"])
    assert (other.path / "run.json").read_text() == text


def test_an_adopted_step_is_fresh_and_owns_its_files(tmp_path):
    first, second = RunFolder.open(tmp_path / "a"), RunFolder.open(tmp_path / "b")
    inputs = {"x": 1}
    first.claim(["made.txt"])
    (first.path / "made.txt").write_text("made")
    first.finish("prepare", inputs, ["made.txt"])
    second.adopt("prepare", first)
    again = RunFolder.open(tmp_path / "b")
    assert again.is_fresh("prepare", inputs)
    assert (again.path / "made.txt").read_text() == "made"
    assert again.owned() == {again.path / "made.txt"}


def test_a_strangers_file_in_the_way_is_not_overwritten_by_an_adopted_one(tmp_path):
    first, second = RunFolder.open(tmp_path / "a"), RunFolder.open(tmp_path / "b")
    first.claim(["made.txt"])
    (first.path / "made.txt").write_text("made")
    first.finish("prepare", {}, ["made.txt"])
    second.path.mkdir()
    (second.path / "made.txt").write_text("mine")
    with pytest.raises(OutputError, match="not written by this run"):
        second.adopt("prepare", first)
    assert (second.path / "made.txt").read_text() == "mine"
