import pytest

from covermap.datasets.registry import DATASETS


@pytest.fixture(scope="session")
def miniatures(tmp_path_factory):
    """The miniature of each set, made once and left as it is."""
    root = tmp_path_factory.mktemp("miniatures")

    def of(name):
        if not (root / name).exists():
            DATASETS[name].miniature(root / name)
        return root / name

    return of
