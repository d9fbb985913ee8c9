"""Times ONNX Runtime: MatMulNBits with int8 activations, and dynamic int8 by MatMulInteger."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from peers.problem import Call, Contender, Encoder, Problem, Product, Run, network

BITS = (2, 4, 8)
INT8_ACTIVATIONS = 4  # of `accuracy_level`
OPSETS = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
RNG = np.random.default_rng(0)

Part = tuple[list[onnx.NodeProto], list[onnx.TensorProto]]


def start(threads: int) -> dict[str, str]:
    onnxruntime.set_default_logger_severity(3)
    return {"onnxruntime": onnxruntime.__version__, "onnx": onnx.__version__}


def contenders(problem: Problem, threads: int) -> Iterator[Contender]:
    if isinstance(problem, Encoder):
        for name, bits in (("f32", 0), ("int8", 8), ("int4", 4)):
            yield network(f"ORT {name}", problem, partial(_encoder, problem, bits, threads))
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


def session(model: bytes | str, threads: int) -> onnxruntime.InferenceSession:
    """Of a model or its path, on the processor with so many threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _contender(
    name: str, problem: Product, size: int, part: Callable[[int], Part], threads: int
) -> Contender:
    copies = problem.copies(size)

    def prepare() -> Callable[[int], Call]:
        model = _model(problem.inputs, [part(i) for i in range(copies)])
        made = session(model.SerializeToString(), threads)

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


# ---- a network -----------------------------------------------------------------------------------


def _encoder(problem: Encoder, bits: int, threads: int) -> Run:
    """The exported network, quantized by ONNX Runtime's own tools; 0 bits: as it is."""
    path = Path(problem.folder) / "float.onnx"
    if bits == 8:
        path = problem.file("ort-int8.onnx", partial(_dynamic, path))
    if bits == 4:
        path = problem.file("ort-int4.onnx", partial(_by_block, path))
    made = session(str(path), threads)
    (x,) = (each.name for each in made.get_inputs())
    return lambda values: made.run(None, {x: values})[0]


def _dynamic(source: Path, to: Path) -> None:
    """Int8 weights per output; activations are rounded to int8 at run time."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    settings = {"op_types_to_quantize": ["MatMul"], "weight_type": QuantType.QInt8}
    quantize_dynamic(source, to, per_channel=True, **settings)


def _by_block(source: Path, to: Path) -> None:
    """Int4 weights by 128; activations are rounded to int8 at run time."""
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    quantizer = MatMulNBitsQuantizer(
        onnx.load(source),
        bits=4,
        block_size=128,
        is_symmetric=True,
        accuracy_level=INT8_ACTIVATIONS,
    )
    quantizer.process()
    onnx.save(quantizer.model.model, to)
