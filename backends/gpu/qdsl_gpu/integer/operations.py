"""Names what implements `qdsl::integer_*`."""

from collections.abc import Callable, Mapping
from typing import Any

from qdsl_gpu.integer import contraction, elementwise, products, recurrent, rows

_MODULES = {
    elementwise: """quantize dequantize requantize from_integers from_truth table sigmoid tanh silu
        gelu scale_and_shift add multiply divide glu glu_polynomial""",
    rows: "softmax softmax_polynomial layer_norm sum mean pool_mean",
    products: "linear conv embedding",
    contraction: "einsum",
    recurrent: "lstm gru",
}
INTEGERS: Mapping[str, Callable[..., Any]] = {
    f"integer_{name}": getattr(module, name)
    for module, names in _MODULES.items()
    for name in names.split()
}
