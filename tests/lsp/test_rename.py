"""A rename reaches every place that names a thing, or is refused with the reason."""

import re

import pytest

RENAMED = [
    (" u¦p = Lin", "lift", {12: 1, 16: 1, 35: 1}),
    ("fea¦tures = 80", "mels", {5: 1, 22: 1, 27: 1}),
    ("lay¦ers: int", "depth", {21: 1, 23: 1, 51: 1}),
    ("expansion¦: int", "by", {10: 1, 12: 1, 13: 1, 23: 1}),
    ("(x¦: f32[B, T, d]", "given", {15: 1, 16: 1, 17: 1}),
    ("T¦, d]) ->", "N", {15: 2}),
    ("(run, B¦ =", "N", {27: 1, 41: 1}),
    ("blo¦cks = ", "stack", {23: 1, 27: 1, 34: 1, 35: 1, 40: 1}),
    ("Fe¦ed(d: int", "Step", {10: 1, 23: 1}),
    ("Ne¦t(d: int", "Network", {21: 1, 32: 1, 45: 1}),
    ("ru¦n(audio", "go", {27: 1, 41: 1}),
    ("w4¦ =", "w5", {7: 1, 34: 1}),
    ("wid¦e {\n    model =", "tall", {44: 1, 50: 1}),
]
REFUSED = [
    ("Lin¦ear(d -> d *", "x", "`Linear` is a word of the language"),
    ("Joi¦nt(d", "x", "`Joint` belongs to the standard library (std/speech.qspec)"),
    ("std.spe¦ech", "x", "`std.speech` is a file: rename the file, then the import"),
    ("forw¦ard(x", "x", "`forward` is a word of the language: calling the member calls it"),
    (" u¦p = Lin", "9x", "`9x` is not a name: letters, digits and `_`, and no reserved word"),
    (" u¦p = Lin", "for", "`for` is not a name: letters, digits and `_`, and no reserved word"),
    (" u¦p = Lin", "norm", "with the name `norm`: `norm` is already a name of this block"),
    ("(x¦: f32", "up", "with the name `up`: `up` is already a name of this block"),
    ("w4¦ =", "features", "with the name `features`: `features` is defined twice"),
    ("¦    return", "x", "there is no name here that could be renamed"),
]


def refused(reason):
    return pytest.raises(Exception, match=f"^{re.escape(reason)}$")


@pytest.mark.parametrize(("marked", "name", "expected"), RENAMED)
def test_rename(document, spec, marked, name, expected):
    opened = document(spec)
    (edits,) = opened.ask("rename", marked, newName=name)["changes"].values()
    lines = [e["range"]["start"]["line"] + 1 for e in edits]
    assert {line: lines.count(line) for line in lines} == expected
    opened.write(_applied(opened.text, edits))
    assert opened.messages() == []


@pytest.mark.parametrize(("marked", "name", "reason"), REFUSED)
def test_refused(document, spec, editor, marked, name, reason):
    with refused(reason):
        document(spec).ask("rename", marked, newName=name)


def test_a_name_that_other_rules_would_match_is_refused(document, spec):
    opened = document(spec.replace("blocks[0].up", "optional blocks[0].d*"))
    with refused("with the name `double` other rules of a policy would match"):
        opened.ask("rename", " u¦p = Lin", newName="double")


def test_a_selector_that_means_another_member_too_is_refused(document, spec):
    text = spec.replace("blocks[0].up", "**.norm").replace("int8 }", "f32 }")
    text = text.replace("first = Lin", "norm = LayerNorm(1)\n    first = Lin")
    with refused("line 36 of model.qspec also names `norm` of `Net`"):
        document(text).ask("rename", "norm¦ = LayerNorm(d)", newName="scale")


def test_rename_reaches_files_that_import(document, workspace, editor):
    (workspace / "other.qspec").write_text("qspec 1\n\nimport .parts { a }\n\nconst c = a\n")
    (workspace / "stranger.qspec").write_text("qspec 1\n\nconst a = 2  # of no parts\n")
    parts = document("qspec 1\n\nconst a = 1\n", "parts.qspec")
    changes = parts.ask("rename", "const ¦a", newName="b")["changes"]
    assert {uri.rpartition("/")[2]: len(edits) for uri, edits in changes.items()} == {
        "parts.qspec": 1,
        "other.qspec": 2,
    }


def test_rename_from_the_importing_file(document):
    parts = document("qspec 1\n\nconst a = 1\n", "parts.qspec")
    main = document("qspec 1\n\nimport .parts { a }\n\nconst b = a\n")
    changes = main.ask("rename", "b = ¦a", newName="one")["changes"]
    assert {uri: len(edits) for uri, edits in changes.items()} == {parts.uri: 1, main.uri: 2}


def test_prepared_range(document, spec):
    opened = document(spec)
    found = opened.ask("prepareRename", "blocks[0].u¦p")
    assert found == {
        "start": opened.place("blocks[0].¦up"),
        "end": opened.place("blocks[0].up¦ "),
    }


def _applied(text, edits):
    lines = text.split("\n")
    for edit in sorted(edits, key=lambda e: -e["range"]["start"]["character"]):
        start, end = edit["range"]["start"], edit["range"]["end"]
        line = lines[start["line"]]
        new = line[: start["character"]] + edit["newText"] + line[end["character"] :]
        lines[start["line"]] = new
    return "\n".join(lines)
