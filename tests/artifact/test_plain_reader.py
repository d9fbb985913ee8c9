"""Reads a packed file with nothing but docs/artifact.md: json, hashlib and numpy, none of qdsl.

The reader below is the proof that the document is enough; the tests after it compare what it finds
with what was packed.
"""

import hashlib
import itertools
import json
import math
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qdsl.artifact.bits import scatter, unpack_codes, unpack_index
from qdsl.artifact.container import write
from qdsl.artifact.layout import kept_per_row
from qdsl.ir.format import CodebookGrid, FloatZero, IntegerGrid, IntegerZero, Levels
from qdsl.ir.model import state_key

# ---- the reader --------------------------------------------------------------------------------

CERTIFICATE, HEADER_SHA256, TENSORS_SHA256 = slice(63, 319), slice(343, 407), slice(432, 496)


def open_packed(data):
    """The model, and each tensor as (dtype, shape, bytes); digests checked."""
    length = int.from_bytes(data[:8], "little")
    header, body = data[: 8 + length], data[8 + length :]
    assert len(header) % 64 == 0
    blank = bytearray(header)
    blank[HEADER_SHA256], blank[CERTIFICATE] = b"0" * 64, b" " * 256
    assert hashlib.sha256(blank).hexdigest().encode() == header[HEADER_SHA256]
    assert hashlib.sha256(body).hexdigest().encode() == header[TENSORS_SHA256]
    table = json.loads(header[8:])
    metadata = table.pop("__metadata__")
    assert metadata["qdsl:format"] == "1"
    text = metadata["qdsl:model"]
    assert hashlib.sha256(text.encode()).hexdigest() == metadata["qdsl:model_sha256"]
    tensors = {
        key: (t["dtype"], t["shape"], body[t["data_offsets"][0] : t["data_offsets"][1]])
        for key, t in table.items()
    }
    return json.loads(text), tensors


def weights(data):
    """Every stored parameter by its path, as f32 in its own shape."""
    model, tensors = open_packed(data)
    found = {}
    for _, parameter, format, _, runs in model["storages"]:
        _, shape, _, _, rows = model["parameters"][parameter]
        for path in (p for run in runs for p in unfolded(run)):
            key = path.replace("[", ".").replace("]", "")
            matrix = weight(key, shape, rows, model["formats"][format], tensors)
            found[path] = matrix.reshape(shape)
    return found


def unfolded(run):
    if m := re.match(r"^([^\[]*)\[(\d+)\.\.(\d+)\](.*)$", run):
        return [f"{m[1]}[{i}]{m[4]}" for i in range(int(m[2]), int(m[3]))]
    return [run]


def weight(key, shape, rows, format, tensors):
    float_grid = record(format["grid"])["is"] == "FloatGrid"
    if float_grid and key in tensors:
        return floats(*tensors[key])
    outputs, k = int(np.prod(shape[:rows])), int(np.prod(shape[rows:]))
    names = ("grid", "grouping", "zero", "pattern")
    grid, grouping, zero, pattern = (record(format[name]) for name in names)
    bits = grid.get("bits", {"TernaryGrid": 2, "BinaryGrid": 1}.get(grid["is"]))
    kept = k // pattern["group"] * pattern["kept"] if pattern["is"] == "NM" else k
    columns = np.tile(np.arange(k), (outputs, 1))
    if pattern["is"] == "NM":
        m, n = pattern["group"], pattern["kept"]
        columns = np.arange(kept) // n * m + positions(tensors[key + ".index"], pattern, kept)
    matrix = np.zeros((outputs, k), np.float32)
    if float_grid:
        np.put_along_axis(matrix, columns, floats(*tensors[key + ".codes"]), axis=1)
        return matrix
    if grid.get("pack") == "base3":
        codes = digits(tensors[key + ".codes"], kept) - 1
    else:
        codes = signed(fields(tensors[key + ".codes"], bits, kept), grid, bits)
    scales = floats(*tensors[key + ".scales"])
    group = columns // (grouping["size"] if grouping["is"] == "PerGroup" else max(k, 1))
    row = np.arange(outputs)[:, None] if grouping["is"] != "PerTensor" else 0
    scale, q = scales[row, group], codes.astype(np.float32)
    if grid["is"] == "CodebookGrid":
        known = np.array(grid["values"], np.float32)
        q = (known if len(known) else floats(*tensors[key + ".codebook"]))[codes]
    match zero["is"]:
        case "IntegerZero":
            zeros = signed(fields(tensors[key + ".zeros"], bits, scales.shape[1]), grid, bits)
            values = scale * (q - zeros[row, group].astype(np.float32))
        case "FloatZero":
            values = scale * q - floats(*tensors[key + ".zeros"])[row, group]
        case "Symmetric":
            half = np.float32(0.5 if grid.get("levels") == "half" else 0)
            values = scale * (q + half)
    np.put_along_axis(matrix, columns, values, axis=1)
    return matrix


def positions(tensor, pattern, kept):
    """Of each kept code, its place in its group of M."""
    m, n = pattern["group"], pattern["kept"]
    if pattern.get("index") != "combination":
        return fields(tensor, (m - 1).bit_length(), kept)
    bits = (math.comb(m, n) - 1).bit_length()
    sets = list(itertools.combinations(range(m), n))
    ranks = fields(tensor, bits, kept // n)
    return np.array([[p for rank in row for p in sets[rank]] for row in ranks]).reshape(-1, kept)


def record(value):
    """An object with `is`; without fields it is written as that name alone."""
    return {"is": value} if isinstance(value, str) else value


def fields(tensor, bits, count):
    """Unsigned numbers [rows, count]: number i of a row is its bits i·b … i·b + b - 1."""
    _, (rows, row_bytes), data = tensor
    whole = [
        int.from_bytes(data[i * row_bytes : (i + 1) * row_bytes], "little") for i in range(rows)
    ]
    numbers = [[(row >> (i * bits)) & ((1 << bits) - 1) for i in range(count)] for row in whole]
    return np.array(numbers, np.int64).reshape(rows, count)


def digits(tensor, count):
    """Digits of base 3 [rows, count]: five in a byte, the lowest first."""
    _, (rows, row_bytes), data = tensor
    found = [[byte // 3**i % 3 for byte in data for i in range(5)]]
    return np.array(found, np.int64).reshape(rows, row_bytes * 5)[:, :count]


def signed(numbers, grid, bits):
    if grid["is"] == "BinaryGrid":
        return 2 * numbers - 1
    if grid["is"] == "CodebookGrid" or (grid["is"] == "IntegerGrid" and not grid["signed"]):
        return numbers
    return numbers - ((numbers >> (bits - 1)) << bits)


def floats(dtype, shape, data):
    if dtype == "BF16":
        upper = np.frombuffer(data, "<u2").astype(np.uint32) << 16
        return upper.view(np.float32).reshape(shape)
    return (
        np.frombuffer(data, {"F32": "<f4", "F16": "<f2"}[dtype]).astype(np.float32).reshape(shape)
    )


# ---- its test ----------------------------------------------------------------------------------


def expected(storage, tensors):
    """The weight by qdsl's own unpacking, f32 [outputs, K]."""
    format, key = storage.format, state_key(storage.path)
    if format.is_one_tensor:
        return as_f32(tensors[key])
    (outputs, k), grid = storage.parameter.matrix, format.grid
    kept = kept_per_row(format.pattern, k)[0]
    if format.is_float:
        index = unpack_index(tensors[f"{key}.index"], format.pattern, kept)
        return scatter(as_f32(tensors[f"{key}.codes"]), index, format.pattern)
    codes = unpack_codes(tensors[f"{key}.codes"], grid, kept)
    mask = np.ones((outputs, k), bool)
    if f"{key}.index" in tensors:
        index = unpack_index(tensors[f"{key}.index"], format.pattern, kept)
        codes = scatter(codes, index, format.pattern)
        mask = scatter(np.ones((outputs, kept), np.int8), index, format.pattern) != 0
    scales = as_f32(tensors[f"{key}.scales"])
    wide = spread(scales, format, outputs, k)
    values = codes.astype(np.float32)
    if isinstance(grid, CodebookGrid):
        values = tensors.get(f"{key}.codebook", np.array(grid.values, np.float32))[codes]
    match format.zero:
        case IntegerZero():
            zeros = unpack_codes(tensors[f"{key}.zeros"], grid, scales.shape[1])
            values = wide * (values - spread(zeros.astype(np.float32), format, outputs, k))
        case FloatZero():
            shift = spread(as_f32(tensors[f"{key}.zeros"]), format, outputs, k)
            values = wide * values - shift
        case _:
            half = isinstance(grid, IntegerGrid) and grid.levels is Levels.HALF
            values = wide * (values + np.float32(0.5 * half))
    return np.where(mask, values, np.float32(0))


def spread(table, format, outputs, k):
    """A table [outputs or 1, groups] over [outputs, k]."""
    size = getattr(format.grouping, "size", k)
    wide = np.repeat(table, size, axis=1)[:, :k]
    return np.broadcast_to(wide, (outputs, k))


def as_f32(values):
    if values.dtype == np.uint16:
        return (values.astype(np.uint32) << 16).view(np.float32)
    return values.astype(np.float32)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), seed=st.integers(0, 1 << 16))
def test_the_document_is_enough_to_read_any_file(models, tensors_of, tmp_path_factory, data, seed):
    model = data.draw(models)
    tensors = tensors_of(model, seed)
    path = tmp_path_factory.getbasetemp() / "plain.qpack"
    write(path, model, tensors.__getitem__)

    found = weights(path.read_bytes())

    assert found.keys() == {s.path for s in model.storages}
    for storage in model.storages:
        shape = storage.parameter.shape
        assert np.array_equal(found[storage.path], expected(storage, tensors).reshape(shape))


def test_it_notices_a_changed_bit(small_model, tensors_of, tmp_path):
    path = tmp_path / "small.qpack"
    write(path, small_model, tensors_of(small_model, 0).__getitem__)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    with pytest.raises(AssertionError):
        weights(bytes(data))
