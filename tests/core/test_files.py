"""Files that appear only when complete, and digests."""

import errno
import glob
import json
import os
import resource
import stat
import subprocess
import sys
import tempfile
from contextlib import contextmanager

import numpy as np
import pytest
from safetensors.numpy import save_file

from covermap.core.errors import CovermapError, OutputError, UnwritableError
from covermap.core.files import (
    complete_file,
    complete_folder,
    content_digest,
    file_digest,
    matching,
    read_json,
    refuse_strangers,
    relative_path,
    require_writable,
    write_json,
)


class StoppedError(Exception):
    """The plug is pulled."""


def stopped_while_writing(opened, name=""):
    with opened as scratch:
        (scratch / name).write_text("half")
        raise StoppedError


@pytest.mark.parametrize("before", [None, "old"])
def test_a_file_that_is_not_finished_never_appears(tmp_path, before):
    path = tmp_path / "a" / "b.txt"
    if before:
        path.parent.mkdir()
        path.write_text(before)
    with pytest.raises(StoppedError):
        stopped_while_writing(complete_file(path))
    assert [item.read_text() for item in path.parent.iterdir()] == ([before] if before else [])


def test_a_finished_file_takes_its_name_and_is_for_everybody(tmp_path):
    path = tmp_path / "b.tif"
    with complete_file(path) as scratch:
        assert scratch.suffix == ".tif"
        assert scratch.parent == tmp_path
        scratch.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


@pytest.mark.parametrize("before", [False, True])
def test_a_folder_that_is_not_finished_never_appears(tmp_path, before):
    path = tmp_path / "folder"
    if before:
        path.mkdir()
        (path / "old").write_text("old")
    with pytest.raises(StoppedError):
        stopped_while_writing(complete_folder(path), "new")
    assert sorted(p.name for p in tmp_path.rglob("*")) == (["folder", "old"] if before else [])


def test_a_finished_folder_takes_the_place_of_the_old_one(tmp_path):
    path = tmp_path / "folder"
    for name in ("first", "second"):
        with complete_folder(path) as scratch:
            (scratch / name).write_text(name)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["folder", "second"]


def test_all_that_a_folder_holds_is_for_everybody(tmp_path):
    mask = os.umask(0o027)
    try:
        with complete_folder(tmp_path / "folder") as scratch:
            (scratch / "inner").mkdir(mode=0o700)
            (scratch / "inner" / "a").touch(mode=0o600)
    finally:
        os.umask(mask)
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in tmp_path.rglob("*")}
    assert modes == {"folder": 0o750, "inner": 0o750, "a": 0o640}


HALF = """
import os, signal, sys
from pathlib import Path
from covermap.core.files import complete_file, complete_folder
with complete_file(Path(sys.argv[1]) / "map.tif") as scratch:
    scratch.write_text("half")
    with complete_folder(Path(sys.argv[1]) / "bundle") as folder:
        (folder / "a").write_text("half")
        print(scratch, flush=True)
        {then}
"""


def half_written(folder, then):
    code = HALF.format(then=then)
    return subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def test_what_a_killed_process_left_goes_when_a_file_is_next_begun(tmp_path):
    killed = half_written(tmp_path, "os.kill(os.getpid(), signal.SIGKILL)")
    killed.communicate()
    assert len(list(tmp_path.iterdir())) == 2
    (tmp_path / ".map-stranger.tif").touch()
    write_json(tmp_path / "b.json", 1)
    assert {item.name for item in tmp_path.iterdir()} == {".map-stranger.tif", "b.json"}


def test_what_another_process_writes_stays(tmp_path):
    with half_written(tmp_path, "sys.stdin.read()") as living:
        living.stdout.readline()
        before = set(tmp_path.iterdir())
        write_json(tmp_path / "b.json", 1)
        living.kill()
    assert len(before) == 2
    assert set(tmp_path.iterdir()) == before | {tmp_path / "b.json"}


def test_a_folder_whose_successor_was_stopped_on_its_way_stands_again(tmp_path):
    code = HALF.format(
        then="Path.replace = lambda a, b: (os.rename(a, b), os.kill(os.getpid(), 9))"
    )
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "old").touch()
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert not (tmp_path / "bundle").exists()
    write_json(tmp_path / "b.json", 1)
    assert {item.name for item in tmp_path.rglob("*")} == {"bundle", "old", "b.json"}


@contextmanager
def files_of_at_most(size):
    """The system takes no longer file, as on a full disk; Python ignores the signal."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def write_too_much(path):
    path.write_bytes(bytes(2_000_000))


def write_through_a_library(path):
    try:
        write_too_much(path)
    except OSError:
        raise RuntimeError("writer failed") from None


def write_weights(path):
    save_file({"a": np.zeros(500_000, np.float32)}, path)


@pytest.mark.parametrize("write", [write_too_much, write_through_a_library, write_weights])
@pytest.mark.parametrize("name", ["file.bin", "folder"])
def test_what_the_disk_does_not_take_is_told_and_leaves_nothing(tmp_path, write, name):
    complete, inner = (complete_file, "") if name == "file.bin" else (complete_folder, "a")
    told = rf"{name}: cannot be written \(file too large\); choose a disk"
    with (
        pytest.raises(UnwritableError, match=told),
        files_of_at_most(1_000_000),
        complete(tmp_path / name) as scratch,
    ):
        write(scratch / inner)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("complete", [complete_file, complete_folder])
@pytest.mark.parametrize("name", ["file/a", "file/a/b"])
def test_a_file_where_a_folder_should_be_is_told(tmp_path, complete, name):
    (tmp_path / "file").write_text("mine")
    told = rf"{name}: cannot be written \(.*\); a file stands where a folder is needed"
    with pytest.raises(UnwritableError, match=told), complete(tmp_path / name):
        pass


@pytest.mark.parametrize("complete", [complete_file, complete_folder])
def test_faults_that_are_not_of_writing_stay_what_they_are(tmp_path, complete):
    with pytest.raises(RuntimeError, match="mine"), complete(tmp_path / "a"):
        raise RuntimeError("mine")
    with pytest.raises(FileNotFoundError), complete(tmp_path / "a"):
        (tmp_path / "nothing").read_text()


def test_json_is_the_same_bytes_and_refuses_what_json_has_not(tmp_path):
    path = tmp_path / "a.json"
    content = {"b": [1, 2.5, None], "ä": "ü"}
    write_json(path, content)
    first = path.read_bytes()
    write_json(path, content)
    assert path.read_bytes() == first
    assert read_json(path) == content == json.loads(first)
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(path, {"a": float("nan")})
    assert path.read_bytes() == first


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b""])
def test_what_is_no_json_is_told_in_one_line(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(CovermapError, match=r"a\.json: not readable as JSON") as caught:
        read_json(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(CovermapError, match=r"b\.json: no such file"):
        read_json(tmp_path / "b.json")


def test_a_digest_follows_content_and_names_only(tmp_path):
    for place in ("one", "two"):
        (tmp_path / place / "sub").mkdir(parents=True)
        (tmp_path / place / "sub" / "a").write_text("a")
        (tmp_path / place / "b").write_text("b")
    digest = file_digest(tmp_path / "one")
    assert digest == file_digest(tmp_path / "two")
    (tmp_path / "two" / "b").rename(tmp_path / "two" / "c")
    assert digest != file_digest(tmp_path / "two")
    (tmp_path / "one" / "sub" / "a").write_text("b")
    assert digest != file_digest(tmp_path / "one")
    assert file_digest(tmp_path / "one" / "b") == file_digest(tmp_path / "one" / "sub" / "a")


def test_a_digest_of_content_does_not_follow_the_order_of_keys():
    assert content_digest({"a": 1, "b": [1, 2]}) == content_digest({"b": [1, 2], "a": 1})
    assert content_digest({"a": [1, 2]}) != content_digest({"a": [2, 1]})
    assert content_digest({"a": 1}) != content_digest({"a": None})


def test_a_strangers_file_is_refused_and_our_own_is_not(tmp_path):
    ours, theirs, none = tmp_path / "ours", tmp_path / "theirs", tmp_path / "none"
    ours.write_text("")
    theirs.mkdir()
    refuse_strangers([ours, none], {ours})
    with pytest.raises(OutputError, match=r"theirs: already exists .* --out"):
        refuse_strangers([ours, none, theirs], {ours})


def test_a_link_into_nowhere_is_in_the_way_too(tmp_path):
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputError, match="link: already exists"):
        refuse_strangers([link], set())


@pytest.mark.parametrize("pattern", ["in/*.tif", "**/[ab].tif", "{base}/in/?.tif"])
def test_a_glob_matches_below_a_folder_whatever_the_folder_is_called(tmp_path, pattern):
    base = tmp_path / "maps [v2] *"
    (base / "in").mkdir(parents=True)
    files = [base / "in" / name for name in ("a.tif", "b.tif")]
    for file in files:
        file.write_text("")
    escaped = pattern.format(base=glob.escape(str(base)))
    assert matching(escaped, base) == files
    assert matching("*.png", base) == []


def test_a_link_is_written_by_its_own_name_and_its_folders_by_where_they_are(tmp_path):
    store, project = tmp_path / "store", tmp_path / "a" / "project"
    for folder in (store, project):
        folder.mkdir(parents=True)
    (store / "0a1b2c").write_text("x")
    (project / "scene.tif").symlink_to(store / "0a1b2c")
    (tmp_path / "short").symlink_to(project)
    assert relative_path(project / "scene.tif", project) == "scene.tif"
    assert relative_path(tmp_path / "short" / "scene.tif", project) == "scene.tif"
    assert relative_path(store / "0a1b2c", tmp_path / "short") == "../../store/0a1b2c"


def test_a_place_that_cannot_be_written_is_told_before_long_work(tmp_path, monkeypatch):
    target = tmp_path / "folder" / "to come" / "map.tif"
    require_writable(target)
    assert list(tmp_path.iterdir()) == []

    def refused(*arguments, **named):
        raise PermissionError(errno.EACCES, "Permission denied", str(named["dir"]))

    monkeypatch.setattr(tempfile, "mkstemp", refused)
    with pytest.raises(UnwritableError, match=r"to come/map\.tif: cannot be written \("):
        require_writable(target)
