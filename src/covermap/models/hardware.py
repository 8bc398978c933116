"""What this computer can do for a network: its device, its precision, its memory allocator."""

from __future__ import annotations

import ctypes
import os
import platform
from functools import lru_cache
from pathlib import Path

# Parameters of mallopt(3), from glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_KEEP_BYTES = 2**30
_TOP_PAD_BYTES = 64 * 2**20
# What torch ("can't allocate memory"), CUDA and C++ say when nothing is left.
_OUT_OF_MEMORY = ("allocate memory", "out of memory", "bad_alloc", "bad allocation")
# Where the system does not tell: a small laptop.
_UNKNOWN_MEMORY = 4 * 2**30


@lru_cache(maxsize=1)
def prepare_cpu() -> bool:
    """Let the C library keep freed memory, once; call it before torch allocates.

    glibc returns every large block to the kernel when it is freed and asks for it again at the
    next layer; a network on a CPU spends a third of its time there. Measured gain: 1.4 to 2 times
    in float32.

    Returns
    -------
    bool
        Whether it took effect; False where the C library is not glibc.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    mallopt.argtypes, mallopt.restype = (ctypes.c_int, ctypes.c_int), ctypes.c_int
    # Every call must be made: no short circuit.
    accepted = [
        mallopt(_M_MMAP_THRESHOLD, _KEEP_BYTES),
        mallopt(_M_TRIM_THRESHOLD, _KEEP_BYTES),
        mallopt(_M_TOP_PAD, _TOP_PAD_BYTES),
    ]
    return all(accepted)


def bfloat16_pays() -> bool:
    """Whether networks are quicker in bfloat16 than in float32 here.

    Known by what the hardware is, not by the clock: the same machine always takes the same
    arithmetic. Emulated it is slower. So it is on processors of Intel that compute it without
    tiles (AMX): measured on a Xeon of 2023 whose host hides AMX, a training step takes 1.6 times
    as long as in float32, a map 1.7 times. One of AMD (Zen 4) with the same instructions gains 2.
    """
    import torch

    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if _supports("_is_amx_tile_supported"):
        return True
    return _supports("_is_avx512_bf16_supported") and not _is_of_intel()


def _supports(check: str) -> bool:
    """What a check of `torch.cpu` says; False where this torch has none of that name."""
    import torch

    found = getattr(torch.cpu, check, None)
    return found is not None and bool(found())


def _is_of_intel() -> bool:
    return any("intel" in text.casefold() for text in (_cpuinfo("vendor_id"), platform.processor()))


def eight_bits_overflow() -> bool:
    """Whether sums of two products of 8-bit integers are cut off at 16 bits.

    So they are on x86 processors without VNNI: weights must then use half of their range.
    """
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    return not _supports("_is_vnni_supported")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of Python, torch or OpenVINO says that memory ran out."""
    if isinstance(error, MemoryError):
        return True
    text = str(error).casefold()
    return isinstance(error, RuntimeError) and any(sign in text for sign in _OUT_OF_MEMORY)


def total_memory() -> int:
    """Bytes of memory that networks have here: of the GPU where there is one, else of the machine.

    Free memory is not asked for: what is decided by it would differ from run to run.
    """
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.get_device_properties(0).total_memory)
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return _UNKNOWN_MEMORY


def training_device() -> str:
    """Where torch trains: `cuda` where there is such a GPU, else `cpu`.

    Apple's GPU is left out: it has no float64 and other sums.
    """
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def device_name() -> str:
    """The device that networks run on, in words.

    Examples
    --------
    >>> device_name()  # doctest: +SKIP
    'CPU (Intel(R) Xeon(R) Processor, 2 threads)'
    """
    import torch

    if torch.cuda.is_available():
        return f"GPU ({torch.cuda.get_device_name()})"
    return f"CPU ({_processor()}, {torch.get_num_threads()} threads)"


def _processor() -> str:
    named = _cpuinfo("model name") or platform.processor()
    return named or f"{platform.machine()}, {os.cpu_count()} cores"


def _cpuinfo(wanted: str) -> str:
    """What Linux says of its first processor; empty elsewhere."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == wanted:
                return value.strip()
    return ""
