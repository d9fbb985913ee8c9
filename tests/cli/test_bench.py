"""Runs `qdsl bench`: its tables, its files, and what it refuses."""

import json
import re
from pathlib import Path

import pytest

REPORTS = (Path(__file__).parents[2] / "docs" / "reports.md").read_text(encoding="utf-8")

SAMPLE = {"median", "low", "high", "rounds"}
HEAD = {"machine", "versions", "backend", "threads"}
MODEL = HEAD | {"model", "entry", "sizes", "seconds", "layers", "rest", "between_seconds", "limits"}
LAYER = {"path", "operation", "kernel", "format", "shape", "bytes", "operations", "working_set"}
LAYER |= {"operands", "seconds", "bytes_per_second", "operations_per_second", "fraction", "bound"}
KERNEL = LAYER | {"activations", "cold", "copies", "limits"}
LIMITS = {"bandwidth", "peaks", "fork_join_seconds"}
BANDWIDTH, PEAK = {"working_set", "bytes_per_second"}, {"operands", "instructions"}
REST = {"operation", "nodes", "seconds", "share"}


@pytest.fixture(scope="module")
def _memory():
    """Less memory than a measurement takes, so that it is quick."""
    from qdsl_cpu import limits

    before = limits._LEAST_MEMORY, limits._MOST_MEMORY
    limits._LEAST_MEMORY = limits._MOST_MEMORY = 1 << 20
    yield
    limits._LEAST_MEMORY, limits._MOST_MEMORY = before


@pytest.fixture
def bench(qdsl, _memory):
    def run(*arguments):
        return qdsl("bench", *arguments, "--rounds", 2, "--threads", 1)

    return run


def test_a_model(bench, folder):
    sizes = ("--shape", "B=2", "--shape", "T=7")
    found = bench("net.qspec#small", *sizes, "--json", "b.json", "--plot", "b.png")
    assert (found.status, found.err) == (0, "")
    first, second, *_ = found.out.splitlines()
    assert first == "net.qspec#small, entry `run`, B = 2, T = 7"
    assert re.fullmatch(r"1 thread, 2 rounds: \S+ \S+ \(.+ to .+\) a run", second)
    for path in ("table", "pairs[0].up", "pairs[1].down", "rnn.weight_ih", "rnn.weight_hh"):
        assert re.search(rf"^{re.escape(path)} .* \d+\.\d\d ", found.out, re.MULTILINE)
    for line in ("operations on weights", "all else", "between operations", "read from memory"):
        assert re.search(rf"^{line}", found.out, re.MULTILINE)
    assert (folder / "b.png").read_bytes().startswith(b"\x89PNG")


def test_the_document_of_a_model(bench, folder):
    assert bench("net.qspec#small", "--json", "b.json").status == 0
    data = json.loads((folder / "b.json").read_text(encoding="utf-8"))
    assert set(data) == MODEL
    assert (data["entry"], data["sizes"], data["threads"]) == ("run", {"B": 1, "T": 100}, 1)
    assert set(data["machine"]) == {"processor", "cores", "load"}
    assert set(data["versions"]) == {"python", "qdsl", "torch"}
    for row in data["layers"]:
        assert set(row) == LAYER | {"share"}
        assert set(row["seconds"]) == set(row["fraction"]) == SAMPLE
        assert len(row["fraction"]["rounds"]) == 2
        assert row["bound"] in ("bandwidth", "products")
    assert all(set(row) == REST for row in data["rest"])
    assert sum(row["share"] for row in data["layers"]) <= 1
    _check_limits(data["limits"])


def _check_limits(limits):
    assert set(limits) == LIMITS
    assert all(set(b) == BANDWIDTH for b in limits["bandwidth"])
    assert all(set(p) == PEAK | {"operations_per_second"} for p in limits["peaks"])
    assert {p["operands"] for p in limits["peaks"]} >= {"int8", "f32"}


def test_kernels(bench, folder):
    cases = ("--weights", "int4(group = 8)", "--weights", "binary", "--shape", "1 x 16 x 32")
    shown = bench("kernel", "linear", *cases, "--shape", "4×16×32", "--json", "k.json")
    assert (shown.status, shown.err) == (0, "")
    lines = [line for line in shown.out.splitlines() if "x 16 x 32" in line]
    assert [line.split()[0] for line in lines] == ["int4(group", "int4(group", "binary", "binary"]
    data = json.loads((folder / "k.json").read_text(encoding="utf-8"))
    assert set(data) == HEAD | {"kernels"}
    for row in data["kernels"]:
        assert set(row) == KERNEL
        _check_limits(row["limits"])
    assert [row["shape"][0] for row in data["kernels"]] == [1, 4, 1, 4]


def test_a_packed_file(bench, qdsl, folder):
    assert qdsl("compile", "net.qspec#small", "--seed", 0).status == 0
    assert bench("small.qpack", "--entry", "run", "--backend", "reference").status == 0
    found = bench("small.qpack", "--entry", "ran")
    assert found.status == 1
    assert "error[Q712]: the packed model has no entry `ran`" in found.err


def test_keys_are_documented():
    section = REPORTS.partition("\n## bench\n")[2].partition("\n## ")[0]
    named = {key for group in re.findall(r"`([a-z_]+)`", section) for key in [group]}
    every = MODEL | KERNEL | LIMITS | BANDWIDTH | PEAK | REST | SAMPLE | {"kernels", "share"}
    assert every | {"processor", "cores", "load", "operations_per_second"} <= named


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("nothing.qpack", 2, "error[Q6"),
        ("net.qspec", 1, "error[Q316]"),
        ("broken.qspec", 1, "error[Q101]"),
        ("net.qspec#small --shape N=3", 1, "error[Q750]: `run` has no dim `N`"),
        ("net.qspec#small --shape T=999999999", 1, "error[Q750]: `run.ids` would be"),
        ("net.qspec#small --shape T", 2, "`--shape T` gives no sizes"),
        ("net.qspec#small --shape B=1,,T=2", 2, "gives no sizes"),
        ("net.qspec#small --backend none", 1, "error[Q502]"),
        ("net.qspec#small linear", 2, "`linear` behind a model"),
        ("net.qspec#small --cold", 2, "`--cold` is of kernels alone"),
        ("net.qspec#small --weights int4", 2, "`--weights` is of kernels alone"),
        ("net.qspec#small --json no/x.json", 2, "there is no folder `no`"),
        ("net.qspec#small --json ./net.qspec", 2, "`net.qspec` would be read and written"),
        ("net.qspec#small --json b.png --plot b.png", 2, "`b.png` would be written twice"),
        ("net.qspec#small --plot x.txt", 2, "`--plot x.txt` is no picture"),
        ("kernel", 2, "`kernel` of which operation?"),
        ("kernel lineer", 2, "did you mean `linear`?"),
        ("kernel linear --shape 1x2x3", 2, "a kernel needs `--weights FORMAT`"),
        ("kernel linear --weights int4", 2, "a kernel needs `--shape MxNxK`"),
        ("kernel linear --weights int4 --shape 1x2", 2, "`--shape 1x2` is not M x N x K"),
        ("kernel linear --weights int4 --shape 0x2x3", 2, "is not M x N x K"),
        ("kernel linear --weights int4 --shape 1x2x3 --entry a", 2, "`--entry` is of a model"),
        ("kernel linear --weights binary --shape 1x9x9 --cold", 1, "error[Q750]"),
        (
            "kernel linear --weights nf4 --activations int8 --shape 1x2x64",
            1,
            "help: give `layer` another weight format, or f32 activations\n",
        ),
        ("kernel linear --weights int9 --shape 1x2x3", 1, "error[Q101]: unknown name `int9`"),
    ],
)
def test_what_is_refused(bench, line, status, said):
    found = bench(*line.split())
    assert found.status == status
    assert found.out == ""
    assert said in found.err


@pytest.mark.parametrize("option", ["--threads", "--rounds"])
@pytest.mark.parametrize("number", ["0", "-1", "99999999", "many"])
def test_numbers_that_there_cannot_be(qdsl, option, number):
    found = qdsl("bench", "net.qspec#small", option, number)
    assert found.status == 2
    assert option in found.err


def test_files_that_cannot_be_written(bench, folder):
    found = bench("kernel", "linear", "--weights", "int4", "--shape", "1x2x4", "--json", ".")
    assert found.status == 2
    assert found.err == f"error[Q001]: cannot use `{folder}`: Is a directory\n"


def test_a_model_without_entries(bench, folder):
    (folder / "none.qspec").write_text("qspec 1\nmodel M() {}\nvariant v { model = M() }\n")
    found = bench("none.qspec#v")
    assert found.status == 1
    assert "error[Q712]: the packed model has no entry: nothing of it can run" in found.err


def test_interrupted(bench, monkeypatch):
    from qdsl.bench import model

    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(model, "measure", interrupt)
    found = bench("net.qspec#small")
    assert (found.status, found.err) == (130, "interrupted\n")
