"""Models changed at random, digests made right: each is read or refused, and nothing else."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qdsl.artifact.container import read
from qdsl.artifact.schema import canonical
from qdsl.diagnostic.model import QdslError

STRANGE = (
    None, True, 0, 1, -1, 7, 1 << 62, 1 << 70, 0.5, "", "up", "up.weight", "Linear", "IntegerGrid",
    "a[0..99999999]", "a[", [], {}, [[]], ["up", 0], [[1, "T"]],
    {"is": "NM", "kept": 1, "group": 2},
)  # fmt: skip


def places(value, parent=()):
    """Every place in a JSON value, as keys and indices from its root."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield (*parent, key)
        if isinstance(inner, dict | list):
            yield from places(inner, (*parent, key))


def mutate(draw, value):
    """Replaces, copies over, or removes one part."""
    known = list(places(value))
    *path, last = draw(st.sampled_from(known))
    parent = at(value, path)
    match draw(st.sampled_from(("replace", "copy", "remove"))):
        case "replace":
            parent[last] = copied(draw(st.sampled_from(STRANGE)))
        case "copy":
            parent[last] = copied(at(value, draw(st.sampled_from(known))))
        case "remove":
            del parent[last]


def copied(value):
    return json.loads(json.dumps(value))


def at(value, path):
    for key in path:
        value = value[key]
    return value


def code_of(path):
    try:
        read(path)
    except QdslError as refused:
        return refused.diagnostics[0].code
    return "good"


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_changed_model_is_read_or_refused(good, tmp_path_factory, data):
    model = good.model
    for _ in range(data.draw(st.integers(1, 3))):
        mutate(data.draw, model)
    path = tmp_path_factory.getbasetemp() / "mutated.qpack"
    path.write_bytes(good.with_model(canonical(model)).data)
    assert code_of(path) in ("good", "Q607", "Q609", "Q610", "Q611")
