"""Spoilt models and tensors, every digest right: each is refused before anything is built."""

import json

import pytest


def blocks(good, count):
    """The model with its root's member repeated `count` times."""
    found = good.model
    found["modules"][1][3] = [["up", [[0, count]]]]
    return good.with_model(json.dumps(found, separators=(",", ":")))


def parameter(good, shape):
    first, *others = good.model["parameters"]
    return good.with_part("parameters", [[first[0], shape, *first[2:]], *others])


def format_of(good, **changes):
    first, *others = good.model["formats"]
    return good.with_part("formats", [{**first, **changes}, *others])


def static(**changes):
    grid = {"is": "IntegerGrid", "bits": 8, "signed": True, "levels": "narrow", **changes}
    return {"is": "StaticFormat", "grid": grid, "zero": "Symmetric"}


STEP = ("op", "inputs", "types", "parameters")


def step(good, **changes):
    """The one operation of the model with other parts."""
    (function, inputs, (only,), outputs), *others = good.model["bodies"]
    changed = [changes.get(name, value) for name, value in zip(STEP, only, strict=True)]
    return good.with_part("bodies", [[function, inputs, [changed], outputs], *others])


CASES = {
    # ---- the model
    "deep model": (
        lambda g: g.with_model("[" * 100_000 + "]" * 100_000),
        "Q609",
        "its model: nested deeper than 200",
    ),
    "a model that is no JSON": (
        lambda g: g.with_model("import os"),
        "Q609",
        "its model: no JSON from character 0 on",
    ),
    "10^9 repeats": (lambda g: blocks(g, 10**9), "Q609", "its model: more than 262144 modules"),
    "negative repeats": (lambda g: blocks(g, -1), "Q609", "its model: a count of -1"),
    "a module of itself": (
        lambda g: g.with_part("modules", [["Tiny", False, [], [["up", 0]]]]),
        "Q609",
        "its model: row 0 of a table of 0",
    ),
    "an absurd shape": (
        lambda g: parameter(g, [1 << 40, 1 << 40]),
        "Q609",
        "its model: parameter `weight` has an absurd shape",
    ),
    "10^9 storages": (
        lambda g: g.with_part("storages", [["Linear", 0, 0, True, ["x[0..999999999].weight"]]]),
        "Q609",
        "its model: more than 262144 storages",
    ),
    "a group of 0": (
        lambda g: format_of(g, grouping={"is": "PerGroup", "size": 0, "short_tail": True}),
        "Q609",
        "its model: `up.weight`: `group` is 0",
    ),
    "integers of 10^9 bits": (
        lambda g: format_of(
            g, grid={"is": "IntegerGrid", "bits": 10**9, "signed": True, "levels": "full"}
        ),
        "Q609",
        "its model: `up.weight`: integers of 1000000000 bits",
    ),
    "an unknown operation": (
        lambda g: step(g, op={"is": "Exec", "code": "1"}),
        "Q609",
        "its model: `Exec` may not stand here",
    ),
    "a value from nowhere": (
        lambda g: step(g, inputs=[7]),
        "Q609",
        "its model: `forward` uses value 7 before it is computed",
    ),
    "a parameter from nowhere": (
        lambda g: step(g, parameters=["secret"]),
        "Q609",
        "its model: `Linear` has no parameter `secret`",
    ),
    "a static range of 10^9 bits": (
        lambda g: g.with_part("activations", {"up": static(bits=10**9)}),
        "Q609",
        "its model: `up`: integers of 1000000000 bits",
    ),
    "a static range without an exact 0": (
        lambda g: g.with_part("activations", {"up": static(levels="half")}),
        "Q609",
        "its model: `up`: `levels = half` has no exact 0",
    ),
    "activations of a block": (
        lambda g: g.with_part("activations", {"": static()}),
        "Q609",
        "its model: `` is no layer",
    ),
    "a rounded value from nowhere": (
        lambda g: g.with_part("roundings", {"output": {"forward.nope": static()}}),
        "Q609",
        "its model: `forward.nope` has no output",
    ),
    "a softmax that is none": (
        lambda g: g.with_part("roundings", {"softmax": {"up": static()}}),
        "Q609",
        "its model: `up` has no softmax",
    ),
    "a path of 200,000 characters": (
        lambda g: g.with_part("roundings", {"output": {"x" * 200_000: static()}}),
        "Q609",
        f"its model: `{'x' * 80}` has no output",
    ),
    "roundings of no property": (
        lambda g: g.with_part("roundings", {"gates": {"up": static()}}),
        "Q609",
        "its model: the roundings are no object of properties",
    ),
    "roundings that are none": (
        lambda g: g.with_part("roundings", {}),
        "Q609",
        "its model: `roundings` is unknown",
    ),
    "another format's name": (
        lambda g: format_of(g, name="int4"),
        "Q609",
        "its model: `up.weight`: `int4` is another format",
    ),
    "ternary codes packed by no one": (
        lambda g: format_of(
            g, name="ternary", grid={"is": "TernaryGrid", "rule": "absmean", "pack": "base4"}
        ),
        "Q609",
        "its model: `up.weight`: `pack` is `base4`",
    ),
    "a codebook of other values": (
        lambda g: format_of(
            g, name="nf4", grid={"is": "CodebookGrid", "bits": 4, "values": [0.0] * 16}
        ),
        "Q609",
        "its model: `up.weight`: a codebook of other values",
    ),
    "a codebook of 2^60 values": (
        lambda g: format_of(
            g, name="kmeans60", grid={"is": "CodebookGrid", "bits": 60, "values": []}
        ),
        "Q609",
        "its model: `up.weight`: a codebook of 60 bits",
    ),
    "a clip of the third norm": (
        lambda g: format_of(g, clip={"is": "SearchedClip", "norm": 3}),
        "Q609",
        "its model: `up.weight`: `clip_norm` is 3",
    ),
    "a field that is its default": (
        lambda g: format_of(g, clip={"is": "SearchedClip", "norm": 2}),
        "Q607",
        "the header is not the one that its model gives",
    ),
    "a clip of more weights than share a scale": (
        lambda g: format_of(g, clip={"is": "SearchedClip", "per": "channel"}),
        "Q609",
        "its model: `up.weight`: `clip_per = channel` is no coarser than the scale",
    ),
    "a member that is called 0": (
        lambda g: g.with_part("modules", [g.model["modules"][0], ["T", False, [], [["0", 0]]]]),
        "Q609",
        "its model: `0` is no name of a member",
    ),
    # ---- tensors that are not the model's
    "a tensor more": (
        lambda g: g.with_table(
            {**g.table, "extra": {"dtype": "U8", "shape": [0], "data_offsets": [22, 22]}}
        ),
        "Q610",
        "tensor `extra` is not as its model says",
    ),
    "another dtype of the same size": (
        lambda g: g.with_entry("up.bias", dtype="BF16", shape=[4]),
        "Q610",
        "tensor `up.bias` is not as its model says",
    ),
    "another shape": (
        lambda g: parameter(g, [2, 9]),
        "Q610",
        "tensor `up.weight.codes` is not as its model says",
    ),
    # ---- what the tensors hold
    "a code outside its grid": (
        lambda g: g.with_tensor("up.weight.codes", bytes([0b00000100, 0, 0, 0])),
        "Q611",
        "tensor `up.weight.codes` holds what no packer writes",
    ),
    "a position outside its group": (
        lambda g: g.with_tensor("up.weight.index", bytes([0b11_01_01_00, 0b01_00_10_00])),
        "Q611",
        "tensor `up.weight.index` holds what no packer writes",
    ),
    "positions that do not ascend": (
        lambda g: g.with_tensor("up.weight.index", bytes([0b10_01_00_01, 0b01_00_10_00])),
        "Q611",
        "tensor `up.weight.index` holds what no packer writes",
    ),
    "bits after the end of a row": (
        lambda g: g.with_tensor("up.weight.codes", bytes([1, 0x80, 1, 0])),
        "Q611",
        "tensor `up.weight.codes` holds what no packer writes",
    ),
    "a scale that is no number": (
        lambda g: g.with_tensor("up.weight.scales", b"\0\0\xc0\x7f" * 2),
        "Q611",
        "tensor `up.weight.scales` holds what no packer writes",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_spoilt_model_is_refused(good, assert_refused, case):
    spoil, code, message = CASES[case]
    assert_refused(spoil(good), code, message)
