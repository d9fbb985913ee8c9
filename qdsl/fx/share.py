"""Computes equal values once: what blocks make of the same inputs, such as a table of positions."""

from torch import fx

_Key = tuple[object, ...]


def share(lowered: fx.Graph) -> fx.Graph:
    """The graph, whose nodes compute values and nothing else, changed in place."""
    first: dict[_Key, fx.Node] = {}
    for node in list(lowered.nodes):
        if node.op not in ("call_function", "call_method", "get_attr"):
            continue
        # as text, where 1, 1.0 and True differ and a node is its name
        key = (node.op, node.target, repr(node.args), repr(node.kwargs))
        known = first.setdefault(key, node)
        if known is not node:
            node.replace_all_uses_with(known)
            lowered.erase_node(node)
    lowered.lint()
    return lowered
