import os

import pytest

from covermap.mapping.block import SeenFile


@pytest.mark.parametrize(
    ("content", "same"), [(b"scene", True), (b"other", False), (b"longer one", False)]
)
def test_another_file_of_the_same_size_is_not_the_one_that_was_seen(tmp_path, content, same):
    path = tmp_path / "scene.tif"
    path.write_bytes(b"scene")
    seen = SeenFile.of(path)
    assert seen.is_same_here()
    path.write_bytes(content)
    # A copy of the same content on a worker's own disk has a time of its own.
    os.utime(path, ns=(0, seen.mtime_ns + 1))
    assert seen.is_same_here() == same
