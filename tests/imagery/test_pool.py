import pytest

from covermap.core.errors import ImageryError
from covermap.imagery.pool import DatasetPool
from tiny import write_scene


def test_the_pool_closes_the_longest_idle_handles(tmp_path):
    paths = [write_scene(tmp_path / f"{k}.tif", height=8, width=8) for k in range(4)]
    pool = DatasetPool(lid=2)
    handles = []
    for path in paths:
        with pool.lend(path) as dataset:
            handles.append(dataset)
    assert [handle.closed for handle in handles] == [True, True, False, False]
    with pool.lend(paths[3]) as dataset:
        assert dataset is handles[3]


@pytest.mark.parametrize("content", [b"", b"this is no image"])
def test_a_file_that_is_no_image_is_named(tmp_path, content):
    path = tmp_path / "broken.tif"
    path.write_bytes(content)
    with pytest.raises(ImageryError, match=r"broken\.tif") as caught, DatasetPool().lend(path):
        pass
    assert "\n" not in str(caught.value)
