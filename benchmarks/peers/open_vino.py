"""Times OpenVINO: weights of 2, 4 or 8 bits by group, activations rounded to int8 by group."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as op

from peers.problem import Call, Contender, Encoder, Problem, Product, Run, network

KINDS = {8: ("i8", "u8"), 4: ("i4", "u4"), 2: ("u2",)}
ZEROS = {"u8": 128, "u4": 8, "u2": 2}
RNG = np.random.default_rng(0)


def start(threads: int) -> dict[str, str]:
    return {"openvino": ov.__version__}


def contenders(problem: Problem, threads: int) -> Iterator[Contender]:
    if isinstance(problem, Encoder):
        for name in ("f32", *NETWORKS):
            yield network(f"OpenVINO {name}", problem, partial(_encoder, problem, name, threads))
    if not isinstance(problem, Product):
        return
    group = problem.group or 128
    if problem.inputs % group:
        return
    for kind in KINDS.get(problem.bits, ()):
        by = 0 if kind == "i8" else group  # the type of weights per output is i8
        size = problem.outputs * problem.inputs * problem.bits // 8
        size += 4 * problem.outputs * (problem.inputs // by if by else 1)
        copies = problem.copies(size)
        prepare = partial(_prepare, problem, kind, by, copies, threads)
        yield Contender(f"OpenVINO {kind}, {by or 'output'}", size, prepare, copies)


def compiled(model: ov.Model, threads: int, group: int) -> ov.CompiledModel:
    """For few threads and one request; group: of activations that share a scale, 0 for float."""
    options = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": "f32",
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": group,
        "PERFORMANCE_HINT": "LATENCY",
        "ENABLE_CPU_PINNING": False,
    }
    return ov.Core().compile_model(model, "CPU", options)


def _prepare(
    problem: Product, kind: str, group: int, copies: int, threads: int
) -> Callable[[int], Call]:
    x = op.parameter([-1, problem.inputs], np.float32)
    weights = [_weight(problem, kind, group) for _ in range(copies)]
    model = ov.Model([op.matmul(x, w, False, True) for w in weights], [x])
    request = compiled(model, threads, group or 128).create_infer_request()

    def start(rows: int) -> Call:
        # rows are remembered here: a request keeps no input alive
        values = RNG.standard_normal((rows, problem.inputs), dtype=np.float32)
        tensor = ov.Tensor(values)

        def call(tensor: ov.Tensor = tensor) -> None:
            request.set_input_tensor(tensor)
            request.infer()

        return call

    return start


def _weight(problem: Product, kind: str, group: int) -> ov.Output:
    """f32 [outputs, inputs] of codes, zero points and scales."""
    outputs, size = problem.outputs, group or problem.inputs
    shape = [outputs, problem.inputs // size, size]
    codes = RNG.integers(0, 256, outputs * problem.inputs * problem.bits // 8, dtype=np.uint8)
    return weight(codes, kind, shape, RNG.random((*shape[:2], 1), dtype=np.float32) / 100)


def weight(codes: np.ndarray, kind: str, shape: list[int], scales: np.ndarray) -> ov.Output:
    """f32 [outputs, inputs] of packed codes [outputs, groups, group], their zeros and scales."""
    if kind == "i8":
        constant = op.constant(codes.view(np.int8).reshape(shape))
    else:
        tensor = ov.Tensor(codes, ov.Shape(shape), getattr(ov.Type, kind))
        constant = ov.op.Constant(tensor, shared_memory=False)
    floats = op.convert(constant, "f32")
    if kind in ZEROS:
        zeros = ov.op.Constant(getattr(ov.Type, kind), ov.Shape([*shape[:2], 1]), [ZEROS[kind]])
        floats = op.subtract(floats, op.convert(zeros, "f32"))
    product = op.multiply(floats, op.constant(scales))
    matrix = np.array([shape[0], shape[1] * shape[2]], np.int64)
    return op.reshape(product, op.constant(matrix), False)


# ---- a network -----------------------------------------------------------------------------------


def _encoder(problem: Encoder, name: str, threads: int) -> Run:
    """The exported network, quantized by OpenVINO's own tool, nncf."""
    path = Path(problem.folder) / "float.onnx"
    if name in NETWORKS:
        path = problem.file(f"openvino-{name}.xml", partial(_quantized, path, name))
    request = compiled(ov.Core().read_model(path), threads, 128).create_infer_request()
    return lambda x: request.infer([x])[0]


def _quantized(source: Path, name: str, to: Path) -> None:
    import nncf

    model = ov.Core().read_model(source)
    made = NETWORKS[name](nncf, model)
    ov.save_model(made, to, compress_to_fp16=False)


def _int8(nncf: Any, model: ov.Model) -> ov.Model:
    return nncf.compress_weights(model, mode=nncf.CompressWeightsMode.INT8_SYM)


def _int4(nncf: Any, model: ov.Model) -> ov.Model:
    mode = nncf.CompressWeightsMode.INT4_SYM
    return nncf.compress_weights(model, mode=mode, group_size=128, ratio=1.0, all_layers=True)


NETWORKS = {"int8": _int8, "int4": _int4}
