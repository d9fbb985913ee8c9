"""Times ggml, the kernels of llama.cpp, through the libraries that llama-cpp-python ships.

Weights are quantized by ggml and, where it can, repacked by it as it does when it loads a model.
"""

import ctypes
from collections.abc import Callable, Iterator
from ctypes import POINTER, Structure, c_bool, c_char_p, c_int, c_int64, c_size_t, c_void_p
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from peers.problem import Call, Contender, Problem, Product

TYPES = {  # name, number in ggml.h
    8: (("Q8_0", 8),),
    4: (("Q4_0", 2), ("Q4_K", 12)),
    2: (("Q2_K", 10), ("TQ2_0", 35)),
    1: (("Q1_0", 41),),
}
F32 = 0
DISTINCT_ROWS = 64  # quantizing is slow, and the values do not matter
RNG = np.random.default_rng(0)


class _Memory(Structure):
    _fields_ = (("size", c_size_t), ("buffer", c_void_p), ("no_alloc", c_bool))


_POINTERS = (  # functions that return one, with what they take
    ("ggml_init", (_Memory,)),
    ("ggml_new_tensor_2d", (c_void_p, c_int, c_int64, c_int64)),
    ("ggml_mul_mat", (c_void_p,) * 3),
    ("ggml_new_graph_custom", (c_void_p, c_size_t, c_bool)),
    ("ggml_backend_cpu_init", ()),
    ("ggml_backend_cpu_reg", ()),
    ("ggml_backend_cpu_buffer_type", ()),
    ("ggml_backend_reg_dev_get", (c_void_p, c_size_t)),
    ("ggml_backend_reg_get_proc_address", (c_void_p, c_char_p)),
    ("ggml_backend_buft_alloc_buffer", (c_void_p, c_size_t)),
    ("ggml_backend_buffer_get_base", (c_void_p,)),
    ("ggml_backend_alloc_ctx_tensors_from_buft", (c_void_p,) * 2),
)
_OTHERS = (
    ("ggml_row_size", c_size_t, (c_int, c_int64)),
    ("ggml_quantize_chunk", c_size_t, (c_int, c_void_p, c_void_p, *(c_int64,) * 3, c_void_p)),
    ("ggml_backend_buft_get_alloc_size", c_size_t, (c_void_p,) * 2),
    ("ggml_backend_tensor_alloc", c_int, (c_void_p,) * 3),
    ("ggml_backend_tensor_set", None, (c_void_p, c_void_p, c_size_t, c_size_t)),
    ("ggml_backend_graph_compute", c_int, (c_void_p,) * 2),
    ("ggml_backend_cpu_set_n_threads", None, (c_void_p, c_int)),
    ("ggml_build_forward_expand", None, (c_void_p,) * 2),
    ("ggml_backend_dev_supports_op", c_bool, (c_void_p,) * 2),
    ("ggml_backend_buffer_free", None, (c_void_p,)),
)
_functions: dict[str, Any] = {}


def start(threads: int) -> dict[str, str]:
    """Raises ImportError without llama-cpp-python, OSError without its libraries."""
    found = find_spec("llama_cpp")
    if found is None or found.origin is None:
        raise ImportError("No module named 'llama_cpp' (pip install llama-cpp-python)")
    folder = Path(found.origin).parent / "lib"
    libraries = [
        ctypes.CDLL(str(folder / f"lib{name}.so"), mode=ctypes.RTLD_GLOBAL)
        for name in ("ggml-base", "ggml-cpu", "ggml")
    ]
    for name, result, arguments in (*((n, c_void_p, a) for n, a in _POINTERS), *_OTHERS):
        function: Any = next(getattr(each, name) for each in libraries if hasattr(each, name))
        function.restype, function.argtypes = result, arguments
        _functions[name] = function
    return {"llama-cpp-python": version("llama-cpp-python")}


def contenders(problem: Problem, threads: int) -> Iterator[Contender]:
    _release()
    if not isinstance(problem, Product):
        return
    for name, number in TYPES.get(problem.bits, ()):
        size = problem.outputs * _call("row_size", number, problem.inputs)
        if problem.inputs % 256 == 0:
            copies = problem.copies(size)
            prepare = partial(_prepare, problem, number, copies, threads)
            yield Contender(f"ggml {name}", size, prepare, copies)


def _call(name: str, *arguments: Any) -> Any:
    return _functions[f"ggml_{name}"](*arguments)


_buffers: list[Any] = []


def _release() -> None:
    """Frees the weights of the problem before."""
    for buffer in _buffers:
        _call("backend_buffer_free", buffer)
    _buffers.clear()


def _context() -> Any:
    return _call("init", _Memory(1 << 20, None, True))


def _prepare(problem: Product, number: int, copies: int, threads: int) -> Callable[[int], Call]:
    backend = _call("backend_cpu_init")
    _call("backend_cpu_set_n_threads", backend, threads)
    context = _context()
    data = _quantized(problem, number)
    weights = [_weight(context, problem, number, data) for _ in range(copies)]

    def start(rows: int) -> Call:
        inner = _context()
        x = _call("new_tensor_2d", inner, F32, problem.inputs, rows)
        graph = _call("new_graph_custom", inner, 2 * copies + 8, False)
        for weight in weights:
            _call("build_forward_expand", graph, _call("mul_mat", inner, weight, x))
        cpu = _call("backend_cpu_buffer_type")
        _buffers.append(_call("backend_alloc_ctx_tensors_from_buft", inner, cpu))
        values = RNG.standard_normal((rows, problem.inputs), dtype=np.float32)
        _call("backend_tensor_set", x, values.ctypes.data, 0, values.nbytes)
        return partial(_functions["ggml_backend_graph_compute"], backend, graph)

    return start


def _quantized(problem: Product, number: int) -> np.ndarray:
    rows = min(DISTINCT_ROWS, problem.outputs)
    values = RNG.standard_normal((rows, problem.inputs), dtype=np.float32)
    size = _call("row_size", number, problem.inputs)
    codes = np.empty((rows, size), np.uint8)
    arguments = (values.ctypes.data, codes.ctypes.data, 0, rows, problem.inputs, None)
    _call("quantize_chunk", number, *arguments)
    return np.tile(codes, (-(-problem.outputs // rows), 1))[: problem.outputs]


def _weight(context: Any, problem: Product, number: int, data: np.ndarray) -> Any:
    """A tensor in memory of the first kind that takes it: one that repacks, or plain memory."""
    cpu = _call("backend_cpu_buffer_type")
    device = _call("backend_reg_dev_get", _call("backend_cpu_reg"), 0)
    for kind in (*_repacking(device), cpu):
        tensor = _call("new_tensor_2d", context, number, problem.inputs, problem.outputs)
        size = _call("backend_buft_get_alloc_size", kind, tensor)
        _buffers.append(_call("backend_buft_alloc_buffer", kind, size))
        base = _call("backend_buffer_get_base", _buffers[-1])
        _call("backend_tensor_alloc", _buffers[-1], tensor, base)
        x = _call("new_tensor_2d", context, F32, problem.inputs, 1)
        if kind == cpu or _call(
            "backend_dev_supports_op", device, _call("mul_mat", context, tensor, x)
        ):
            break
    _call("backend_tensor_set", tensor, data.ctypes.data, 0, data.nbytes)
    return tensor


def _repacking(device: Any) -> list[Any]:
    """Kinds of memory that weights are repacked in, as a loaded model's are."""
    register, name = _call("backend_cpu_reg"), b"ggml_backend_dev_get_extra_bufts"
    address = _call("backend_reg_get_proc_address", register, name)
    if not address:
        return []
    kinds = ctypes.CFUNCTYPE(POINTER(c_void_p), c_void_p)(address)(device)
    found = []
    while kinds[len(found)]:
        found.append(kinds[len(found)])
    return found
