"""Gives provokers a small model in an empty folder, and holds what they cause to golden files."""

from collections.abc import Callable
from pathlib import Path

import pytest

from qdsl import load_spec
from qdsl.__main__ import main
from qdsl.diagnostic.model import QdslError
from qdsl.diagnostic.render import full
from qdsl.spec import Variant

GOLDEN = Path(__file__).parents[1] / "golden" / "provoked"

Net = Callable[..., Variant]
Refused = Callable[[str, Callable[[], object]], None]
Said = Callable[..., None]

SPEC = """qspec 1

model Net(d: int = {d}) {{
    map = Linear(d -> d)

    entry run(x: f32[B, d]) {{ return map(x) }}
}}

policy low for Net {{
    map {{ weights = {format} }}
}}

variant small {{
    model = Net
    policy = low
}}
"""


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def net() -> Net:
    """`net(d, format)`: the variant `net.qspec#small` of one layer, written anew."""

    def write(d: int = 8, format: str = "int4") -> Variant:
        Path("net.qspec").write_text(SPEC.format(d=d, format=format), encoding="utf-8")
        return load_spec("net.qspec").variants["small"]

    return write


@pytest.fixture
def refused(golden: Callable[[Path, str], None]) -> Refused:
    """`refused(code, provoke)`: the call raises, and its findings of that code read as before."""

    def check(code: str, provoke: Callable[[], object]) -> None:
        with pytest.raises(QdslError) as caught:
            provoke()
        found = [d for d in caught.value.diagnostics if d.code == code]
        golden(GOLDEN / f"{code}.txt", full(found, color=False))

    return check


@pytest.fixture
def said(golden: Callable[[Path, str], None], capsys: pytest.CaptureFixture[str]) -> Said:
    """`said(code, *arguments)`: the command `qdsl` fails, and stderr reads as before."""

    def check(code: str, *arguments: str) -> None:
        assert main(list(arguments)) in (1, 2)
        golden(GOLDEN / f"{code}.txt", capsys.readouterr().err)

    return check
