"""Launches a kernel where there are several devices, without one."""

from contextlib import AbstractContextManager, nullcontext

import pytest
import torch

from qdsl_gpu import kernel
from qdsl_gpu.kernel import Kernel


class Function:
    def __getitem__(self, grid: tuple[int, ...]) -> object:
        return lambda *given, **constants: (grid, given, constants)


def test_launches_on_the_device_of_the_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    entered: list[torch.device] = []

    def device(found: torch.device) -> AbstractContextManager[None]:
        entered.append(found)
        return nullcontext()

    monkeypatch.setattr(torch.cuda, "device", device)
    x, run = torch.empty(2, device="meta"), Kernel(Function())
    for several, expected in ((False, []), (True, [x.device])):
        monkeypatch.setattr(kernel, "has_several", lambda several=several: several)
        assert run[2, 3](1, x, BLOCK=4) == ((2, 3), (1, x), {"BLOCK": 4})
        assert entered == expected


def test_one_device_needs_no_guard() -> None:
    assert kernel.has_several() == (torch.cuda.device_count() > 1)
