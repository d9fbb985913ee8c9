"""Finds out whether there is a GPU that kernels can run on, without loading torch."""

import os
import sysconfig
from ctypes import CDLL, byref, c_int
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from shutil import which

from qdsl.target import Availability

_DRIVERS = (
    ("CUDA", "libcuda.so.1", "cuInit", "cuDeviceGetCount"),
    ("HIP", "libamdhip64.so", "hipInit", "hipGetDeviceCount"),
)


def is_interpreted() -> bool:
    """Whether Triton runs kernels in Python, on tensors of the processor."""
    return os.environ.get("TRITON_INTERPRET", "0").lower() in ("1", "true", "on", "yes", "y")


@cache
def has_several() -> bool:
    """Whether there are GPUs of which one that is not the current one may hold tensors."""
    import torch

    return not is_interpreted() and torch.cuda.device_count() > 1


@dataclass(slots=True)
class Interpreter:
    """Whether Triton's interpreter computes as a device does: stock ones get bf16 wrong."""

    is_right: bool = False


INTERPRETER = Interpreter()
"""Set by who corrects it: the tests, in `tests/backends/gpu/interpreter.py`."""


def availability() -> Availability:
    """Whether kernels can run, or what is lacking."""
    for package in ("torch", "triton"):
        if find_spec(package) is None:
            return Availability(False, f"`{package}` is not installed")
    if is_interpreted() and INTERPRETER.is_right:
        return Availability(True, "TRITON_INTERPRET is set: kernels run on the processor, slowly")
    if is_interpreted():
        reason = "TRITON_INTERPRET is set, and Triton's interpreter gets bf16 wrong: unset it"
        return Availability(False, reason, mistaken=True)
    if not _torch_has_gpus():
        return Availability(False, "this torch was built for processors only")
    found = _found()
    return _lacking() if found.available else found


def _torch_has_gpus() -> bool:
    spec = find_spec("torch")
    folders = spec.submodule_search_locations if spec else None
    return any(
        (Path(folder) / "lib" / f"libtorch_{kind}.so").exists()
        for folder in folders or ()
        for kind in ("cuda", "hip")
    )


def _lacking() -> Availability:
    """What Triton builds a part of itself with, when a kernel is first called."""
    if not os.environ.get("CC") and not which("gcc") and not which("clang"):
        return Availability(False, "Triton finds no C compiler: install `gcc`, or name one in `CC`")
    headers = Path(sysconfig.get_paths("posix_prefix")["include"])
    if not (headers / "Python.h").exists():
        return Availability(
            False, f"Triton finds no `Python.h` in {headers}: install Python's headers"
        )
    return Availability(True)


@cache
def _found() -> Availability:
    """Asks the drivers, which takes some time, once."""
    tried = []
    for name, library, start, count in _DRIVERS:
        try:
            driver = CDLL(library)
        except OSError:
            continue
        found = c_int(0)
        if getattr(driver, start)(0) == 0 and getattr(driver, count)(byref(found)) == 0:
            if found.value:
                return Availability(True)
        tried.append(name)
    if tried:
        return Availability(False, f"{' and '.join(tried)} found no device")
    return Availability(False, "there is no driver of a GPU")
