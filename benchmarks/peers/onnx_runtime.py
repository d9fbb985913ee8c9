"""Times ONNX Runtime: MatMulNBits with int8 activations, and dynamic int8 by MatMulInteger."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from peers.problem import Call, Contender, Problem, Product

BITS = (2, 4, 8)
INT8_ACTIVATIONS = 4  # of `accuracy_level`
OPSETS = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
RNG = np.random.default_rng(0)

Part = tuple[list[onnx.NodeProto], list[onnx.TensorProto]]


def start(threads: int) -> dict[str, str]:
    onnxruntime.set_default_logger_severity(3)
    return {"onnxruntime": onnxruntime.__version__, "onnx": onnx.__version__}


def contenders(problem: Problem, threads: int) -> Iterator[Contender]:
    if not isinstance(problem, Product):
        return
    elements, block = problem.outputs * problem.inputs, problem.group or 128
    if problem.bits in BITS and problem.inputs % block == 0:
        size = elements * problem.bits // 8 + 4 * elements // block
        name = f"ORT MatMulNBits {problem.bits} bits, {block}"
        yield _contender(name, problem, size, partial(_blocks, problem, block), threads)
    if problem.bits == 8:
        part = partial(_integers, problem)
        yield _contender("ORT MatMulInteger", problem, elements, part, threads)


def session(model: onnx.ModelProto, threads: int) -> onnxruntime.InferenceSession:
    """On the processor, with so many threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    text = model.SerializeToString()
    return onnxruntime.InferenceSession(text, options, providers=["CPUExecutionProvider"])


def _contender(
    name: str, problem: Product, size: int, part: Callable[[int], Part], threads: int
) -> Contender:
    copies = problem.copies(size)

    def prepare() -> Callable[[int], Call]:
        made = session(_model(problem.inputs, [part(i) for i in range(copies)]), threads)

        def start(rows: int) -> Call:
            x = RNG.standard_normal((rows, problem.inputs), dtype=np.float32)
            return partial(made.run, None, {"x": x})

        return start

    return Contender(name, size, prepare, copies)


def _model(inputs: int, parts: Sequence[Part]) -> onnx.ModelProto:
    """Products of one x with several weights, each an output."""
    outputs = [
        helper.make_tensor_value_info(f"y{i}", TensorProto.FLOAT, None) for i in range(len(parts))
    ]
    graph = helper.make_graph(
        [node for nodes, _ in parts for node in nodes],
        "products",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", inputs])],
        outputs,
        [tensor for _, tensors in parts for tensor in tensors],
    )
    return helper.make_model(graph, opset_imports=OPSETS, ir_version=10)


def _blocks(problem: Product, block: int, i: int) -> Part:
    bits, blocks = problem.bits, problem.inputs // block
    codes = RNG.integers(0, 256, (problem.outputs, blocks, block * bits // 8), dtype=np.uint8)
    scales = RNG.random((problem.outputs, blocks), dtype=np.float32) / 100
    node = helper.make_node(
        "MatMulNBits",
        ["x", f"w{i}", f"s{i}"],
        [f"y{i}"],
        domain="com.microsoft",
        K=problem.inputs,
        N=problem.outputs,
        bits=bits,
        block_size=block,
        accuracy_level=INT8_ACTIVATIONS,
    )
    return [node], [_tensor(codes, f"w{i}"), _tensor(scales, f"s{i}")]


def _integers(problem: Product, i: int) -> Part:
    codes = RNG.integers(-127, 128, (problem.inputs, problem.outputs), dtype=np.int8)
    scales = RNG.random(problem.outputs, dtype=np.float32) / 100
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], [f"q{i}", f"a{i}", f"z{i}"]),
        helper.make_node("MatMulInteger", [f"q{i}", f"w{i}", f"z{i}"], [f"i{i}"]),
        helper.make_node("Cast", [f"i{i}"], [f"f{i}"], to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"a{i}", f"s{i}"], [f"as{i}"]),
        helper.make_node("Mul", [f"f{i}", f"as{i}"], [f"y{i}"]),
    ]
    return nodes, [_tensor(codes, f"w{i}"), _tensor(scales, f"s{i}")]


def _tensor(array: Any, name: str) -> onnx.TensorProto:
    return numpy_helper.from_array(array, name)
