"""Proves that a packed program of integer arithmetic computes with integers from end to end.

The graph is run on fake tensors, which have dtypes and no data. Between the operations that
quantize what an entry is given and those that dequantize what it gives, no tensor that depends on
the data may be a float.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import fx
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.passes.shape_prop import ShapeProp, TensorMetadata

from qdsl import load
from qdsl.fx import Program, operations

QUANTIZE, DEQUANTIZE = (torch.ops.qdsl.integer_quantize, torch.ops.qdsl.integer_dequantize)
SIZES = {"size", "new_full", "new_zeros"}  # read no data
INPUTS = (operations.given, operations.state_or_zeros)


def _is(node: fx.Node, packet: object) -> bool:
    return getattr(node.target, "overloadpacket", None) is packet


def _depends(graph: fx.Graph) -> set[fx.Node]:
    """Nodes that the data of an input enters."""
    found: set[fx.Node] = set()
    for node in graph.nodes:
        reads_size = node.op == "call_method" and node.target in SIZES
        entered = node.op == "placeholder" or any(a in found for a in node.all_input_nodes)
        if entered and not reads_size and node.target is not getattr:
            found.add(node)
    return found


def _behind(graph: fx.Graph, data: set[fx.Node]) -> set[fx.Node]:
    """Nodes that take what was dequantized and nothing else of the data."""
    found: set[fx.Node] = set()
    for node in graph.nodes:
        given = [a for a in node.all_input_nodes if a in data]
        if _is(node, DEQUANTIZE) or (given and all(a in found for a in given)):
            found.add(node)
    return found


def _floats(program: Program, entry: str, inputs: tuple[torch.Tensor, ...]) -> Iterator[fx.Node]:
    """Nodes between that are floats."""
    module = program.graph_module(entry)
    ShapeProp(module, fake_mode=FakeTensorMode(allow_non_fake_inputs=True)).propagate(*inputs)
    data = _depends(module.graph)
    behind = _behind(module.graph, data)
    for node in module.graph.nodes:
        if node not in data or node in behind or not _is_float(node):
            continue
        if node.op == "placeholder" or node.target in INPUTS:
            yield from (u for u in node.users if u in data and not _allowed(u))
        else:
            yield node


def _is_float(node: fx.Node) -> bool:
    meta = node.meta.get("tensor_meta")
    return isinstance(meta, TensorMetadata) and meta.dtype.is_floating_point


def _allowed(user: fx.Node) -> bool:
    return _is(user, QUANTIZE) or user.target in INPUTS


Train = Callable[[str], Any]


def test_no_float_between_quantizers(variant: str, trained: Train, tmp_path: Path) -> None:
    _, quantized, inputs, _ = trained(variant)
    quantized.pack(tmp_path / "packed")
    packed = load(tmp_path / "packed", "reference")
    for entry, given in inputs.items():
        assert not list(_floats(packed, entry, given)), entry
        assert any(_is(n, DEQUANTIZE) for n in packed.graph(entry).nodes), entry


def test_the_proof_finds_floats(trained: Train) -> None:
    """A program of float arithmetic is full of them."""
    program, _, inputs, _ = trained("shaping")
    assert len(list(_floats(program, "reduce", inputs["reduce"]))) > 3
