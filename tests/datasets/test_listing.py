import io
import tarfile
import zipfile

import pytest

from covermap.core.errors import DatasetError, OutputError
from covermap.datasets.listing import listing_of, unpack

FILES = {"set/b.txt": b"two", "set/a/c.txt": b"three", "set/a/d.txt": b""}


def zipped(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in files.items():
            out.writestr(name, content)
    return path


def tarred(path, files, **more):
    with tarfile.open(path, "w:gz") as out:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            out.addfile(entry, io.BytesIO(content))
        for name, target in more.items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            out.addfile(entry)
    return path


MAKERS = {"x.zip": zipped, "x.tar.gz": tarred}


def test_a_folder_lists_its_files_in_order_without_hidden_ones(tmp_path):
    for name, content in {**FILES, ".git/x": b"", "set/.hidden": b""}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    assert list(listing_of(tmp_path)) == ["set/b.txt", "set/a/c.txt", "set/a/d.txt"]
    assert listing_of(tmp_path).head(1) == ["set/b.txt"]


@pytest.mark.parametrize("name", MAKERS)
def test_an_archive_lists_and_unpacks_the_same_files(tmp_path, name):
    archive = MAKERS[name](tmp_path / name, {**FILES, "__MACOSX/set/b.txt": b"junk"})
    assert list(listing_of(archive)) == list(FILES)
    unpack(archive, tmp_path / "out")
    for file, content in FILES.items():
        assert (tmp_path / "out" / file).read_bytes() == content


@pytest.mark.parametrize("name", MAKERS)
def test_half_an_archive_is_named_and_leaves_nothing(tmp_path, name):
    content = {f"set/{n}.bin": bytes((n * m) % 251 for m in range(3000)) for n in range(9)}
    archive = MAKERS[name](tmp_path / name, content)
    half = archive.read_bytes()[: archive.stat().st_size // 2]
    archive.write_bytes(half)
    with pytest.raises(DatasetError, match=r"damaged or cut short .* fetch it again"):
        unpack(archive, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == [name]


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        (10, 9, r"'set/b\.txt' is packed by Deflate64"),
        (10, 77, r"'set/b\.txt' is packed by method 77"),
        (8, 1, r"'set/b\.txt' is encrypted"),
        (6, 99, "is a zip file version 9.9"),
    ],
)
def test_a_zip_that_python_cannot_unpack_is_told_with_what_can(tmp_path, place, value, told):
    archive = zipped(tmp_path / "x.zip", FILES)
    content = bytearray(archive.read_bytes())
    # The first entry of the list at the end says how its file is packed.
    content[content.find(b"PK\x01\x02") + place] = value
    archive.write_bytes(content)
    with pytest.raises(DatasetError, match=rf"{told}, which Python cannot unpack; .* \(7z x x"):
        unpack(archive, tmp_path / "out")
    assert list(tmp_path.iterdir()) == [archive]


def test_a_link_in_an_archive_is_refused(tmp_path):
    archive = tarred(tmp_path / "x.tar.gz", FILES, **{"set/link": "/etc/passwd"})
    with pytest.raises(DatasetError, match="'set/link' is a link"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_file_in_the_way_is_left_alone(tmp_path):
    archive = zipped(tmp_path / "x.zip", FILES)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("precious")
    with pytest.raises(OutputError, match="not empty"):
        unpack(archive, tmp_path / "out")
    assert (tmp_path / "out" / "mine").read_text() == "precious"


@pytest.mark.parametrize("name", ["nothing", "nothing.zip"])
def test_what_is_not_there_is_named(tmp_path, name):
    with pytest.raises(DatasetError, match="no such folder or archive"):
        listing_of(tmp_path / name)


def test_another_file_is_no_data_set(tmp_path):
    (tmp_path / "readme.txt").write_text("hello")
    with pytest.raises(DatasetError, match="a folder or an archive"):
        listing_of(tmp_path / "readme.txt")
