"""Law 13, archives: no file of an archive is written outside the folder it is unpacked to."""

import io
import tarfile
import zipfile
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from covermap.core.errors import DatasetError
from covermap.datasets.listing import unpack


def zipped(path, name):
    with zipfile.ZipFile(path, "w") as out:
        out.writestr(name, b"stranger")


def tarred(path, name):
    with tarfile.open(path, "w:gz") as out:
        entry = tarfile.TarInfo(name)
        entry.size = 8
        out.addfile(entry, io.BytesIO(b"stranger"))


MAKERS = {"x.zip": zipped, "x.tar.gz": tarred}
parts = st.sampled_from(["..", ".", "a", "b", "", "C:", "/", "\\"])
names = st.lists(parts, min_size=1, max_size=5).map("/".join)


@settings(max_examples=60)
@given(name=names, separator=st.sampled_from(["/", "\\"]), kind=st.sampled_from(list(MAKERS)))
def test_no_name_in_an_archive_leads_out_of_its_folder(tmp_path_factory, name, separator, kind):
    root = tmp_path_factory.mktemp("any")
    archive = root / kind
    MAKERS[kind](archive, name.replace("/", separator) + "x")
    (root / "inner").mkdir()
    before = set(root.parent.iterdir())
    with suppress(DatasetError):
        unpack(archive, root / "inner" / "out")
    written = {path for path in root.rglob("*") if path.is_file()} - {archive}
    assert all((root / "inner" / "out") in path.parents for path in written)
    assert set(root.parent.iterdir()) == before
