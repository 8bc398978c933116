"""The gate to torchvision: healthy installations pass, broken ones are mended."""

import subprocess
import sys
from types import ModuleType

import pytest

from covermap.models.libraries import import_mended


def test_a_healthy_torchvision_is_left_alone():
    module = ModuleType("torchvision")
    asked = []

    def healthy(name):
        asked.append(name)
        return module

    assert import_mended(healthy) is module
    assert asked == ["torchvision"]


def test_another_failure_is_not_hidden():
    def broken(name):
        raise RuntimeError("another reason")

    with pytest.raises(RuntimeError, match="another reason"):
        import_mended(broken)


def test_missing_operators_are_declared_and_the_import_tried_again():
    # In a process of its own: operators can be declared only once in one.
    code = """
import sys, types
import torch
from covermap.models.libraries import import_mended
calls = []
def importer(name):
    calls.append(name)
    if len(calls) == 1:
        sys.modules["torchvision.half"] = types.ModuleType("torchvision.half")
        raise RuntimeError("operator torchvision::nms does not exist")
    assert "torchvision.half" not in sys.modules
    torch.ops.torchvision.nms.default, torch.ops.torchvision.qnms.default
    return types.ModuleType(name)
import_mended(importer)
assert calls == ["torchvision", "torchvision"]
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_all_libraries_load_through_the_gate():
    from covermap.models.libraries import lightning, smp, timm

    assert smp().Unet
    assert timm().create_model
    assert lightning().Trainer
    assert smp() is smp()
