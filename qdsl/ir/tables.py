"""Finds the tables that the ids of an entry's inputs are looked up in."""

from qdsl.ir import op
from qdsl.ir.flat import graphs
from qdsl.ir.model import Model


def table_rows(model: Model) -> dict[str, int]:
    """`entry.input` → rows of the smallest table in which its ids are looked up."""
    sizes = {s.path: s.parameter.shape[0] for s in model.storages}
    found: dict[str, int] = {}
    for graph in graphs(model):
        # values that are ids of an input, moved or padded
        ids = {n: f"{graph.entry}.{i.name}" for n, i in enumerate(graph.inputs)}
        for node in (flat.node for flat in graph.nodes):
            key = ids.get(node.inputs[0]) if node.inputs else None
            if key is None:
                continue
            if isinstance(node.op, op.Reshape | op.Transpose | op.Expand | op.Pad):
                ids[node.outputs[0]] = key
            elif isinstance(node.op, op.Embedding):
                table = sizes[model.ties.get(node.parameters[0], node.parameters[0])]
                found[key] = min(table, found.get(key, table))
    return found
