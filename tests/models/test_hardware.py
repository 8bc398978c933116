"""What this computer can do for a network."""

import platform

import pytest
import torch

from covermap.models import hardware


def test_the_allocator_is_tuned_where_the_library_is_glibc():
    hardware.prepare_cpu.cache_clear()
    assert hardware.prepare_cpu() is (platform.libc_ver()[0] == "glibc")


def test_nothing_happens_without_glibc(monkeypatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    hardware.prepare_cpu.cache_clear()
    assert hardware.prepare_cpu() is False
    hardware.prepare_cpu.cache_clear()


@pytest.mark.parametrize(
    ("vendor", "avx", "amx", "pays"),
    [
        ("AuthenticAMD", True, False, True),
        ("GenuineIntel", True, True, True),
        # Measured: 1.6 times as slow as float32.
        ("GenuineIntel", True, False, False),
        ("GenuineIntel", False, False, False),
        ("", None, None, False),
    ],
)
def test_bfloat16_pays_with_hardware_for_it(monkeypatch, vendor, avx, amx, pays):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.setattr(hardware, "_cpuinfo", {"vendor_id": vendor}.get)
    for name, found in (("_is_avx512_bf16_supported", avx), ("_is_amx_tile_supported", amx)):
        monkeypatch.delattr(torch.cpu, name, raising=False)
        if found is not None:
            monkeypatch.setattr(torch.cpu, name, lambda found=found: found, raising=False)
    assert hardware.bfloat16_pays() is pays


def test_the_device_has_a_name_in_words():
    assert hardware.device_name().split(" ")[0] in {"CPU", "GPU"}
