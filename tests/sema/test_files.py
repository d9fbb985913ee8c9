"""Holds imports to their rules: one root, no circles, one name for each file."""

from collections.abc import Callable
from pathlib import Path

import pytest

from qdsl.diagnostic.model import Diagnostic, error
from qdsl.sema.compile import Compiled, compile_file
from qdsl.source import Source
from qdsl.syntax import read

MAP = "qspec 1\nblock Map(d: int) { map = Linear(d -> d) forward(x: f32[B, d]) { return map(x) } }"
NET = "model Net(d: int = 8) { map = Map(d) entry run(x: f32[B, d]) { return map(x) } }"
Codes = Callable[..., list[str]]


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def codes_of(found: Compiled) -> list[str]:
    return [d.code for d in found.diagnostics]


def test_relative_imports(tmp_path: Path) -> None:
    write(tmp_path / "qdsl.toml", "")
    write(tmp_path / "blocks" / "map.qspec", MAP)
    beside = write(tmp_path / "blocks" / "a.qspec", f"qspec 1\nimport .map {{ Map }}\n{NET}")
    above = write(tmp_path / "nets" / "b.qspec", f"qspec 1\nimport ..blocks.map {{ Map }}\n{NET}")
    below = write(tmp_path / "c.qspec", f"qspec 1\nimport .blocks.map {{ Map }}\n{NET}")
    for path in (beside, above, below):
        assert codes_of(compile_file(path)) == []


def test_a_file_is_named_as_seen_from_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "qdsl.toml", "")
    write(tmp_path / "blocks" / "map.qspec", MAP.replace("Linear", "Linaer"))
    write(tmp_path / "nets" / "b.qspec", f"qspec 1\nimport ..blocks.map {{ Map }}\n{NET}")
    monkeypatch.chdir(tmp_path / "nets")
    (finding,) = compile_file(Path("b.qspec")).diagnostics
    assert finding.primary is not None
    assert finding.primary.span.source.name == str(Path("..", "blocks", "map.qspec"))


def test_each_file_is_read_once(tmp_path: Path) -> None:
    write(tmp_path / "map.qspec", MAP)
    for name in "ab":
        text = f"qspec 1\nimport .map {{ Map }}\nblock {name.upper()}(d: int) {{ m = Map(d) }}"
        write(tmp_path / f"{name}.qspec", text)
    text = "qspec 1\nimport .a { A }\nimport .b { B }\nmodel Net { a = A(8) b = B(8) }"
    seen: list[str] = []

    def reader(path: Path, name: str) -> tuple[Source | None, tuple[Diagnostic, ...]]:
        seen.append(path.name)
        return read(path, name)

    assert codes_of(compile_file(write(tmp_path / "n.qspec", text), reader=reader)) == []
    assert sorted(seen) == ["a.qspec", "b.qspec", "map.qspec", "n.qspec"]


def test_the_root_is_the_nearest_mark(tmp_path: Path) -> None:
    write(tmp_path / "map.qspec", MAP)
    text = f"qspec 1\nimport ..map {{ Map }}\n{NET}"
    path = write(tmp_path / "inner" / "net.qspec", text)
    assert codes_of(compile_file(path)) == ["Q107"]
    (tmp_path / ".git").mkdir()
    assert codes_of(compile_file(path)) == []
    write(tmp_path / "inner" / "qdsl.toml", "")
    assert codes_of(compile_file(path)) == ["Q107"]


def test_links_do_not_lead_out(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside" / "map.qspec", MAP)
    write(tmp_path / "root" / "qdsl.toml", "")
    (tmp_path / "root" / "map.qspec").symlink_to(outside)
    path = write(tmp_path / "root" / "net.qspec", f"qspec 1\nimport .map {{ Map }}\n{NET}")
    assert codes_of(compile_file(path)) == ["Q107"]


def test_links_inside_are_one_file(tmp_path: Path) -> None:
    (tmp_path / "other.qspec").symlink_to(write(tmp_path / "map.qspec", MAP))
    text = "qspec 1\nimport .map { Map }\nimport .other { Map }"
    assert codes_of(compile_file(write(tmp_path / "n.qspec", text))) == ["Q103"]
    loop = tmp_path / "loop.qspec"
    loop.symlink_to(loop)
    text = "qspec 1\nimport .loop { Map }"
    assert codes_of(compile_file(write(tmp_path / "n.qspec", text))) == ["Q105"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import .nowhere { Map }", ["Q105"]),
        ("import .nowhere { Map } import .nowhere { Net }", ["Q105"]),
        ("import nowhere { Map }", ["Q105"]),
        ("import std { Map }", ["Q105"]),
        ("import std.speech.more { Map }", ["Q105"]),
        ("import .test { Map } block Map() { }", ["Q106"]),
        ("import std.feedforward { FeedForward, FeedForward }", ["Q103"]),
        ("import std.feedforward { FeedForward } block FeedForward() { }", ["Q103"]),
        ("import std.speech { FeedForward }", ["Q102"]),
    ],
)
def test_wrong_imports(codes: Codes, text: str, expected: list[str]) -> None:
    assert codes(text) == expected


def test_names_of_failed_imports_are_not_told_again(codes: Codes) -> None:
    assert codes("import .nowhere { Map } " + NET) == ["Q105"]
    assert codes("import .other { Map } " + NET, other="block Mop() { }") == ["Q102"]


def test_nothing_is_exported_again(codes: Codes) -> None:
    other = "import std.feedforward { FeedForward } block A() { f = FeedForward(8) }"
    assert (
        codes("import .other { FeedForward } " + NET.replace("Map", "A"), other=other)[0] == "Q102"
    )


def test_unused_imports(codes: Codes) -> None:
    text = "import .other { a, b, Map, p } model Net { m = Map(a) } "
    other = "const a = 8 const b = 9 block Map(d: int) { } policy p { }"
    assert codes(text, other=other) == ["Q104", "Q104"]
    # used in what nothing makes, and in a policy that nothing takes
    assert codes(text + "block B() { m = Map(b) } policy q extends p { }", other=other) == []


def test_a_row_of_imports_has_an_end(tmp_path: Path) -> None:
    for i in range(100):
        text = f"qspec 1\nimport .f{i + 1} {{ a }}\nconst b = a\nconst a{'' if i else 'x'} = 1"
        write(tmp_path / f"f{i}.qspec", text)
    found = compile_file(tmp_path / "f0.qspec")
    assert "Q208" in codes_of(found)


def test_what_cannot_be_read(tmp_path: Path) -> None:
    missing = compile_file(tmp_path / "missing.qspec")
    assert (missing.file, codes_of(missing)) == (None, ["Q001"])
    (tmp_path / "bytes.qspec").write_bytes(b"qspec 1 \xff")
    assert codes_of(compile_file(tmp_path / "bytes.qspec")) == ["Q002"]
    path = write(tmp_path / "n.qspec", "qspec 1\nimport .bytes { A }")
    (finding,) = compile_file(path).diagnostics
    assert finding.code == "Q002"
    assert finding.primary is not None
    assert finding.primary.span.text == "bytes"
    assert codes_of(compile_file(tmp_path)) == ["Q001"]


def test_another_reader(tmp_path: Path) -> None:
    texts = {"n.qspec": f"qspec 1\nimport .map {{ Map }}\n{NET}", "map.qspec": MAP}

    def reader(path: Path, name: str) -> tuple[Source | None, tuple[Diagnostic, ...]]:
        if path.name in texts:
            return Source(f"HEAD:{name}", texts[path.name]), ()
        return None, (error("Q001", "not at that revision"),)

    found = compile_file(tmp_path / "n.qspec", "n.qspec", reader)
    assert codes_of(found) == []
    del texts["map.qspec"]
    assert codes_of(compile_file(tmp_path / "n.qspec", "n.qspec", reader)) == ["Q105"]
