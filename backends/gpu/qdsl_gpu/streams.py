"""Asks for the current stream of a device; a processor has none, and nothing to wait for."""

import torch


def is_captured(device: torch.device) -> bool:
    """Whether launches are being recorded in a CUDA graph."""
    return device.type == "cuda" and torch.cuda.is_current_stream_capturing()


def current(device: torch.device) -> int:
    """Its handle."""
    return torch.cuda.current_stream(device).cuda_stream if device.type == "cuda" else 0


def settle(device: torch.device) -> None:
    """Waits until what was launched is done: from then on other streams may read it."""
    if device.type == "cuda":
        torch.cuda.current_stream(device).synchronize()
