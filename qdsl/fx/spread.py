"""Spreads whole tensors over processes as others are, and gathers them (FSDP2).

What spreads tensors is imported where one is spread: it takes a second.
"""

from collections.abc import Mapping

from torch import Tensor


def is_spread(tensor: Tensor) -> bool:
    """Whether this process holds a part of it."""
    return hasattr(tensor, "device_mesh")


def spread_like(value: Tensor, like: Tensor) -> Tensor:
    """A whole tensor on the device of another; spread as that is where it has its shape."""
    value = value.to(like.device)
    if not is_spread(like) or value.shape != like.shape:
        return value
    from torch.distributed.tensor import DTensor, distribute_tensor

    assert isinstance(like, DTensor)
    # every process has the whole: nothing is sent
    return distribute_tensor(value, like.device_mesh, like.placements, src_data_rank=None)


def whole(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors, those that are spread gathered; called by all processes."""
    return {k: v.full_tensor() if is_spread(v) else v for k, v in tensors.items()}  # type: ignore[attr-defined]
