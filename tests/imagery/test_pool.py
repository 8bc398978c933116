import os
from pathlib import Path

import numpy as np
import pytest
from rasterio.shutil import copy

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


def filled(path: Path, value: int) -> Path:
    """A picture of one number, put in the place of another one of the same size."""
    values = np.full((1, 8, 8), value)
    return write_scene(path.with_name("fresh.tif"), bands=["B02"], values=values).replace(path)


def lent(pool: DatasetPool, path: Path) -> int:
    with pool.lend(path) as dataset:
        return int(dataset.read(1)[0, 0])


def test_a_replaced_file_is_opened_again(tmp_path):
    pool, path = DatasetPool(), filled(tmp_path / "scene.tif", 5)
    size = path.stat().st_size
    with pool.lend(path) as old:
        pass
    assert filled(path, 6).stat().st_size == size
    assert lent(pool, path) == 6
    assert old.closed


def test_a_file_replaced_while_it_is_lent_is_opened_again(tmp_path):
    pool, path = DatasetPool(), filled(tmp_path / "scene.tif", 5)
    with pool.lend(path):
        filled(path, 6)
    assert lent(pool, path) == 6


def test_a_replaced_source_of_a_virtual_raster_is_opened_again(tmp_path):
    pool, path = DatasetPool(), filled(tmp_path / "scene.tif", 5)
    copy(path, tmp_path / "scene.vrt", driver="VRT")
    assert lent(pool, tmp_path / "scene.vrt") == 5
    filled(path, 6)
    assert lent(pool, tmp_path / "scene.vrt") == 6


def test_a_removed_file_is_not_read_through_an_old_handle(tmp_path):
    pool, path = DatasetPool(), filled(tmp_path / "scene.tif", 5)
    assert lent(pool, path) == 5
    path.unlink()
    with pytest.raises(ImageryError, match=r"scene\.tif: no such file"):
        lent(pool, path)


def test_a_path_that_is_not_in_utf_8_is_named(tmp_path):
    path = tmp_path / os.fsdecode(b"sc\xe8ne.tif")
    try:
        path.write_bytes(filled(tmp_path / "scene.tif", 5).read_bytes())
    except OSError:
        pytest.skip("this file system takes no such name")
    with pytest.raises(ImageryError, match=r"ne\.tif: its path is not in UTF-8"):
        lent(DatasetPool(), path)


def test_handles_below_a_folder_are_closed_alone(tmp_path):
    pool = DatasetPool()
    inner, outer = filled(tmp_path / "parts" / "a.tif", 5), filled(tmp_path / "b.tif", 6)
    with pool.lend(inner) as gone, pool.lend(outer) as kept:
        pass
    pool.close_below(tmp_path / "parts")
    assert gone.closed
    assert not kept.closed
