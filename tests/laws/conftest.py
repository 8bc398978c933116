"""What several tests of mistakes begin from."""

import numpy as np
import pytest

from mistakes import complaint_of
from pictures import write_picture


@pytest.fixture
def complaint(monkeypatch, capsys):
    """The one line that a command ends with."""
    return complaint_of(monkeypatch, capsys)


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """Three pictures, `0.png` to `2.png`, in the folder that commands begin from."""
    for place in range(3):
        write_picture(tmp_path / "pictures" / f"{place}.png", np.full((40, 40), place), place)
    monkeypatch.chdir(tmp_path)
    return tmp_path
