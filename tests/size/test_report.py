"""The size report: rows that add up, baselines of the source model, and the text of it."""

import json

import pytest

from qdsl.ir.format import (
    BinaryGrid,
    FloatType,
    IntegerGrid,
    IntegerZero,
    PerGroup,
    WeightFormat,
)
from qdsl.ir.pattern import NM
from qdsl.size.report import to_json
from qdsl.size.text import report_text

INT4 = WeightFormat("int4", IntegerGrid(4), PerGroup(16))
SPARSE = WeightFormat("int4", IntegerGrid(4), PerGroup(8), zero=IntegerZero(), pattern=NM(2, 4))
BINARY = WeightFormat("binary", BinaryGrid(), scale=FloatType.F16)


@pytest.fixture(scope="module")
def report(report_of, place):
    rule = place("int4(group = 16)")

    def choose(path):
        if path.startswith("blocks[0]") and path.endswith(".weight"):
            return SPARSE, rule
        if path.startswith("blocks[") and path.endswith(".weight"):
            return INT4, rule
        return (BINARY, rule) if path == "table.weight" else None

    return report_of("small", choose)


def row(report, path):
    return next(r for r in report.rows if r.path == path)


def test_rows_and_header_are_the_total(report):
    assert report.total_bytes == report.header_bytes + sum(r.total_bytes for r in report.rows)


def test_a_row_has_its_parts(report):
    found = row(report, "blocks[0].up.weight")
    # [32, 16]: half of 16 codes of 4 bits; 2 groups; 2 zeros of 4 bits; 8 positions of 2 bits
    assert (found.payload_bytes, found.scale_bytes) == (32 * 4, 32 * 2 * 4)
    assert (found.zero_point_bytes, found.index_bytes) == (32, 32 * 2)
    assert found.total_bytes == 128 + 256 + 32 + 64
    assert (found.kind, found.shape, found.params) == ("Linear", (32, 16), 512)
    assert (found.format, found.kernel) == (str(SPARSE), "linear_int8")


def test_a_tied_name_has_no_bytes_and_no_parameters(report):
    found = row(report, "out.weight")
    assert (found.kind, found.params, found.total_bytes) == ("tied", 0, 0)
    assert row(report, "table.weight").total_bytes == 10 * 2 + 10 * 2


def test_baselines_count_the_source_model_with_ties_once(report):
    blocks = 3 * (16 * 32 + 32 + 32 * 16 + 16)
    front = 16 * 3 * 8 + 4 * 16  # its batch norm has four numbers a channel
    memory = 4 * 24 * 16 + 4 * 24 * 16 + 4 * 24 + 16 * 24
    params = blocks + front + memory + 2 * 16 + 10 * 16 + 10
    assert report.params == params
    assert (report.float32_bytes, report.bfloat16_bytes) == (4 * params, 2 * params)


def test_a_folded_norm_is_gone_and_leaves_a_bias(report):
    paths = [r.path for r in report.rows]
    assert "front_norm.weight" not in paths
    assert paths[:2] == ["front.weight", "front.bias"]


def test_json_has_the_keys_that_are_promised(report):
    found = json.loads(json.dumps(to_json(report)))
    assert list(found) == [
        "variant", "total_bytes", "header_bytes", "float32_bytes", "bfloat16_bytes", "params",
        "rows",
    ]  # fmt: skip
    assert list(found["rows"][0]) == [
        "path", "kind", "shape", "params", "format", "kernel", "payload_bytes", "scale_bytes",
        "zero_point_bytes", "index_bytes", "total_bytes",
    ]  # fmt: skip
    assert found["total_bytes"] == found["header_bytes"] + sum(
        r["total_bytes"] for r in found["rows"]
    )


def test_the_text(report):
    assert report_text(report) == EXPECTED


EXPECTED = """\
small: 26.83 KiB (27,472 B), 1.08x smaller than f32, 0.54x than bf16, 29.63 bits per weight

bytes                      path                          shape   format                                   bits  kernel
1,536  1.50 KiB  ██        front.weight                  16×3×8  f32                                     32.00  torch
   64            ▏         front.bias                    16      f32                                     32.00  torch
   64            ▏         norm.weight                   16      f32                                     32.00  torch
   64            ▏         norm.bias                     16      f32                                     32.00  torch
6,144  6.00 KiB  ████████  memory.weight_ih              96×16   f32                                     32.00  torch
6,144  6.00 KiB  ████████  memory.weight_hh              96×16   f32                                     32.00  torch
  384            ▌         memory.bias                   96      f32                                     32.00  torch
1,536  1.50 KiB  ██        memory.weight_hr              16×24   f32                                     32.00  torch
   40                      table.weight                  10×16   binary(scale = f16)                      2.00  linear_int8
    0                      out.weight                    10×16   tied
   40                      out.bias                      10      f32                                     32.00  torch
  480            ▋         blocks[0].up.weight           32×16   int4(group = 8, asymmetric) sparse 2:4   7.50  linear_int8
  384            ▌         blocks[0..3].up.bias      ×3  32      f32                                     32.00  torch
  480            ▋         blocks[0].down.weight         16×32   int4(group = 8, asymmetric) sparse 2:4   7.50  linear_int8
  192            ▎         blocks[0..3].down.bias    ×3  16      f32                                     32.00  torch
  768            █         blocks[1..3].up.weight    ×2  32×16   int4(group = 16)                         6.00  linear_int8
  768            █         blocks[1..3].down.weight  ×2  16×32   int4(group = 16)                         6.00  linear_int8

 1,300   1.27 KiB    4.7%  codes
 1,044   1.02 KiB    3.8%  scales
    64       64 B    0.2%  zero points
   128      128 B    0.5%  index
16,552  16.16 KiB   60.3%  floats
 8,384   8.19 KiB   30.5%  header
27,472  26.83 KiB  100.0%  total
"""  # noqa: E501
