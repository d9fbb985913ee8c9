"""Runs the command in this process, in a folder with a small spec, on a back end of the tests."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from qdsl import plan
from qdsl.__main__ import main
from qdsl.target import Availability, Capability

SPEC = """qspec 1

import .parts { Pair }

model Net(d: int = 16, layers: int = 2) {
    table = Embedding(32, d)
    pairs = repeat layers { Pair(d) }
    rnn = LSTM(d, d)
    out = Linear(d -> 32, bias = false)
    tie out.weight = table.weight

    entry run(ids: i64[B, T]) { return table(ids) |> pairs |> rnn |> out }
}

policy w4 for Net {
    default { weights = f32 }
    **:Linear { weights = int4(group = 8, asymmetric) }
    rnn { weights = ternary }
    table { weights = int8 }
    out { weights = int8 }
}

policy w8 for Net {
    default { weights = f32 }
    **:Linear { weights = int8(per = tensor, scale = f16) }
    pairs[1].down { weights = int4(group = 8) sparse 2:4 }
}

budget phone {
    size(*) <= 16 KiB
    bits(pairs[*].**) <= 12
    ratio(*) >= 1.5 x over f32
    macs(run, B = 1, T = 10) <= 1 M
}

budget watch {
    size(*) <= 1 KiB
}

variant float {
    model = Net()
}

variant small {
    model = Net()
    policy = w4
    budget = phone
}

variant other {
    model = Net(layers = 3)
    policy = w8
    budget = watch
}
"""

PARTS = """qspec 1

block Pair(d: int) {
    up = Linear(d -> 2 * d)
    down = Linear(2 * d -> d)
    norm = LayerNorm(d)

    forward(x: f32[B, T, d]) -> f32[B, T, d] {
        y = up(x) |> relu |> down
        return x + norm(y)
    }
}
"""

BROKEN = """qspec 1

model Net(d: int = 16) {
    out = Linaer(d -> 32)

    entry run(x: f32[B, T, d]) { return oot(x) }
}

variant v {
    model = Net()
}
"""

CUT = """qspec 1

const a = 1
model Net( {
"""


class Plain:
    """A back end that serves everything, so that no kernel's name depends on the machine."""

    name = "cpu"

    def availability(self) -> Availability:
        return Availability(True)

    def capabilities(self) -> tuple[Capability, ...]:
        bits = tuple(range(1, 9))
        every = ("f32", "int8_token", "int8_tensor")
        return tuple(
            Capability(f"plain_{operation}", operation, grid, bits, every)
            for operation in ("linear", "conv", "lstm", "embedding", "dequantize")
            for grid in ("integer", "ternary", "binary")
        )


@dataclass(frozen=True)
class Result:
    status: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: `net.qspec`, `parts.qspec` that it imports, and two with errors."""
    for name, text in (("net", SPEC), ("parts", PARTS), ("broken", BROKEN), ("cut", CUT)):
        (tmp_path / f"{name}.qspec").write_text(text, encoding="utf-8")
    (tmp_path / "qdsl.toml").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def qdsl(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`qdsl("size", "net.qspec#small")`: exit status, data, diagnostics."""
    monkeypatch.setattr(plan, "backends", lambda: {"cpu": Plain()})

    def run(*arguments: object) -> Result:
        capsys.readouterr()
        try:
            status = main([str(a) for a in arguments])
        except SystemExit as exit:  # argparse's way
            status = exit.code if isinstance(exit.code, int) else 1
        found = capsys.readouterr()
        return Result(status, found.out, found.err)

    return run
