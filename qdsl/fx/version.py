"""Tells when a tensor was last written in place."""

from torch import Tensor


def version(tensor: Tensor) -> int:
    """A number that grows with every write; 0 for tensors of inference mode."""
    return 0 if tensor.is_inference() else tensor._version
