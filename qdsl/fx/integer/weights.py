"""Gives the codes of weights as integer products take them."""

import torch
from torch import Tensor

from qdsl.fx.numerics import quantize
from qdsl.fx.quantizer import Quantizer
from qdsl.fx.reference_weight import centred_codes, read


@torch.no_grad()
def weight_parts(quantizer: Quantizer, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Centred codes [N, K], q - z and 0 where pruned, and scales f64 [N, G], of a weight."""
    matrix = weight.detach().reshape(quantizer.matrix)
    found = quantize(matrix, quantizer.format, quantizer.state)
    centred = centred_codes(found, quantizer.state.mask, quantizer.format)
    return centred, found.scale.double().expand(matrix.shape[0], -1)


def packed_codes(buffer: Tensor) -> Tensor:
    """The same codes of a weight that the reference back end repacked."""
    return read(buffer).centred.to(buffer.device)
