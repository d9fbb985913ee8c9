"""Holds the JSON of the commands to docs/reports.md, and its sums to the totals."""

import json
from pathlib import Path

import pytest

REPORTS = (Path(__file__).parents[2] / "docs" / "reports.md").read_text(encoding="utf-8")

SIZE = {"variant", "total_bytes", "header_bytes", "float32_bytes", "bfloat16_bytes", "params"}
PARTS = {"payload_bytes", "scale_bytes", "zero_point_bytes", "index_bytes"}
ROW = {"path", "kind", "shape", "params", "format", "kernel", "total_bytes"} | PARTS
LIMIT = {"limit", "measure", "measured", "held", "shortfall", "contributors"}
PLACE = {"file", "line", "column"}
DIFF = {"from", "to", "from_bytes", "to_bytes", "delta_bytes", "rows", "budgets"}
CHANGE = {"path", "from_bytes", "to_bytes", "cause", "change", "place"}
ANSWER = {"path", "what", "owner", "kind", "shape", "format", "type", "total_bytes", "made"}
ANSWER |= {"properties", "below"}
FINDING = {"code", "name", "severity", "message", "primary", "secondary", "notes", "help", "fix"}


@pytest.fixture
def data(qdsl):
    def read(*arguments, status=0):
        found = qdsl(*arguments, "--format", "json")
        assert found.status == status
        return json.loads(found.out)

    return read


@pytest.mark.parametrize("variant", ["float", "small", "other"])
def test_size(data, variant):
    size = data("size", f"net.qspec#{variant}")
    assert set(size) == SIZE | {"rows", "budgets"}
    assert all(set(row) == ROW for row in size["rows"])
    for row in size["rows"]:
        assert row["total_bytes"] == sum(row[part] for part in PARTS)
    assert size["header_bytes"] + sum(r["total_bytes"] for r in size["rows"]) == size["total_bytes"]
    assert sum(row["params"] for row in size["rows"]) == size["params"]
    assert size["float32_bytes"] == 2 * size["bfloat16_bytes"] == 4 * size["params"]
    assert all(set(limit) == LIMIT for limit in size["budgets"])


def test_size_of_a_tie_and_a_kernel(data):
    rows = {row["path"]: row for row in data("size", "net.qspec#small")["rows"]}
    assert rows["out.weight"]["kind"] == "tied"
    assert rows["out.weight"]["total_bytes"] == rows["out.weight"]["params"] == 0
    assert rows["table.weight"]["kernel"] == "plain_embedding+plain_linear"
    assert rows["pairs[0].up.weight"]["zero_point_bytes"] > 0
    assert rows["pairs[0].norm.weight"]["kernel"] == "float"


def test_size_of_all_variants_is_a_list(data):
    assert [size["variant"] for size in data("size", "net.qspec")] == ["float", "small", "other"]


def test_budgets(data):
    limits = {x["measure"]: x for x in data("size", "net.qspec#small")["budgets"]}
    assert set(limits) == {"size", "bits", "ratio", "macs"}
    assert all(x["held"] and x["shortfall"] == 0 for x in limits.values())
    (missed,) = data("size", "net.qspec#other")["budgets"]
    assert missed["measured"] - missed["shortfall"] == 1024
    assert missed["contributors"][0].keys() == {"path", "amount"}


def test_diff(data):
    diff = data("diff", "net.qspec#small", "net.qspec#other")
    sizes = [data("size", f"net.qspec#{v}")["total_bytes"] for v in ("small", "other")]
    assert set(diff) == DIFF
    assert (diff["from"], diff["to"]) == ("small", "other")
    assert [diff["from_bytes"], diff["to_bytes"]] == sizes
    assert diff["delta_bytes"] == sizes[1] - sizes[0]
    deltas = [row["to_bytes"] - row["from_bytes"] for row in diff["rows"]]
    assert sum(deltas) == diff["delta_bytes"]
    assert deltas == sorted(deltas, key=lambda delta: -abs(delta))
    assert all(set(row) == CHANGE for row in diff["rows"])
    assert all(row["place"] is None or set(row["place"]) == PLACE for row in diff["rows"])
    assert {row["cause"] for row in diff["rows"]} >= {"structure", "format"}
    assert all(set(limit) == {"from", "to"} for limit in diff["budgets"])
    assert {set(s) == LIMIT for b in diff["budgets"] for s in b.values() if s} == {True}


def test_the_place_of_a_change_is_the_rule_that_made_it(data, folder):
    rows = {r["path"]: r for r in data("diff", "net.qspec#small", "net.qspec#other")["rows"]}
    place = rows["pairs[1].down.weight"]["place"]
    assert place["file"] == "net.qspec"
    line = (folder / "net.qspec").read_text().splitlines()[place["line"] - 1]
    assert line[place["column"] - 1 :].startswith("weights = int4(group = 8) sparse 2:4")


def test_why(data):
    answer = data("why", "net.qspec#small", "out.weight")
    assert set(answer) == ANSWER
    assert (answer["path"], answer["owner"]) == ("out.weight", "table.weight")
    matched = answer["properties"]["weights"]
    assert all(set(m) == {"rule", "value", "wins", "place"} for m in matched)
    assert all(set(m["place"]) == PLACE for m in matched)
    assert [m["wins"] for m in matched] == [False] * (len(matched) - 1) + [True]


def test_why_of_a_layer_and_of_all_above_it(data):
    layer = data("why", "net.qspec#small", "pairs[1].up")
    assert (layer["what"], layer["kind"], layer["shape"]) == ("layer", "Linear", None)
    assert layer["properties"] == {"activations": [], "output": []}
    assert [set(weight) for weight in layer["below"]] == [ANSWER] * 2
    assert layer["total_bytes"] == sum(weight["total_bytes"] for weight in layer["below"])
    repeat = data("why", "net.qspec#small", "pairs")
    blocks = [data("why", "net.qspec#small", f"pairs[{i}]") for i in range(2)]
    assert [repeat["what"], blocks[0]["what"]] == ["repeat", "block"]
    assert repeat["below"] == blocks[0]["below"] + blocks[1]["below"]
    assert repeat["total_bytes"] == sum(block["total_bytes"] for block in blocks)
    size = {r["path"]: r["total_bytes"] for r in data("size", "net.qspec#small")["rows"]}
    assert all(weight["total_bytes"] == size[weight["path"]] for weight in repeat["below"])


def test_bytes_stand_under_their_owner_alone(data):
    layer = data("why", "net.qspec#small", "out")
    assert layer["below"][0]["owner"] == "table.weight"
    assert layer["below"][0]["total_bytes"] > 0
    assert layer["total_bytes"] == 0


def test_why_of_a_value(data):
    for path in ("pairs[1].forward.y", "pairs[1].y"):
        value = data("why", "net.qspec#small", path)
        assert value["owner"] == "pairs[1].forward.y"
        assert (value["what"], value["kind"], value["type"]) == ("value", "relu", "f32[B, T, 32]")
        assert value["properties"] == {"output": []}


def test_check(data):
    assert data("check", "net.qspec#small") == []
    found = data("check", "broken.qspec", status=1)
    assert found
    assert all(set(finding) == FINDING for finding in found)
    assert found[0]["primary"].keys() >= PLACE


def test_json_is_the_same_each_time(qdsl):
    command = ("diff", "net.qspec#small", "net.qspec#other", "--format", "json")
    assert qdsl(*command) == qdsl(*command)


def test_every_key_is_documented():
    keys = SIZE | ROW | LIMIT | PLACE | DIFF | CHANGE | ANSWER | FINDING | {"rule", "value", "wins"}
    assert [key for key in sorted(keys) if f"`{key}`" not in REPORTS] == []


def keys_of(value):
    """Every key of nested JSON, but those that are paths."""
    if isinstance(value, list):
        return {key for item in value for key in keys_of(item)}
    if isinstance(value, dict):
        return {key for key in value if key.isidentifier()} | keys_of([*value.values()])
    return set()


@pytest.mark.parametrize("command", ["list codes", "list functions", "list targets", "doctor"])
def test_every_key_of_other_commands_is_documented(data, command):
    found = keys_of(data(*command.split()))
    assert found
    assert [key for key in sorted(found) if f"`{key}`" not in REPORTS] == []
