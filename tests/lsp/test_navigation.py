"""Names lead to their definitions, and definitions to all that name them."""

import pytest

DEFINITIONS = [
    ("a block of the library", "Joi¦nt(d", "speech.qspec:{Joint}"),
    ("a module", "std.spe¦ech", "speech.qspec:1:1"),
    ("a member in a function", "u¦p |>", "model.qspec:12:5 up"),
    ("an argument of a block", "expan¦sion = 2", "model.qspec:10:20 expansion"),
    ("a format in a rule", "w¦4 }", "model.qspec:7:8 w4"),
    ("a member in a selector", "blo¦cks[0].up", "model.qspec:23:5 blocks"),
    ("a member of a member in a selector", "blocks[0].u¦p", "model.qspec:12:5 up"),
    ("a parameter in a variant", "model.lay¦ers", "model.qspec:21:24 layers"),
    ("an entry in a budget", "macs(ru¦n", "model.qspec:27:11 run"),
    ("a dim in a budget", "macs(run, B¦ =", "model.qspec:27:26 B"),
    ("a policy in a variant", "policy = sma¦ll", "model.qspec:32:8 small"),
    ("the base of a variant", "extends wi¦de", "model.qspec:44:9 wide"),
    ("a constant in a type", "T, fea¦tures]) {", "model.qspec:5:7 features"),
    ("a local", "down(¦y)", "model.qspec:16:9 y"),
    ("a word of the language", "Line¦ar(d -> d *", None),
    ("a space", "¦        return x + ", None),
]


@pytest.mark.parametrize(("marked", "expected"), [d[1:] for d in DEFINITIONS])
def test_definition(document, spec, marked, expected):
    opened = document(spec)
    found = opened.ask("definition", marked)
    if expected and "{Joint}" in expected:
        assert found["uri"].endswith("std/speech.qspec")
    else:
        assert (opened.at(found) if found else None) == expected


def test_definition_across_files(document, workspace):
    (workspace / "parts.qspec").write_text("qspec 1\n\n# here\nconst a = 1\n")
    main = document("qspec 1\n\nimport .parts { a }\n\nconst b = a\n")
    assert main.at(main.ask("definition", "b = ¦a")) == "parts.qspec:4:7"
    assert main.at(main.ask("definition", ".par¦ts")) == "parts.qspec:1:1"


def test_definition_in_a_broken_file(document, spec):
    opened = document(spec.replace("y = norm(x)", "y = = norm(x"))
    assert opened.at(opened.ask("definition", "policy = sma¦ll")) == "model.qspec:32:8 small"


def test_references(document, spec):
    opened = document(spec)
    found = opened.ask("references", "fea¦tures = 80", context={"includeDeclaration": False})
    assert [opened.at(x) for x in found] == [
        "model.qspec:22:20 features",
        "model.qspec:27:32 features",
    ]


def test_references_in_files_that_import(document, workspace):
    (workspace / "other.qspec").write_text("qspec 1\n\nimport .parts { a }\n\nconst c = a + a\n")
    parts = document("qspec 1\n\nconst a = 1\n", "parts.qspec")
    found = parts.ask("references", "const ¦a", context={"includeDeclaration": True})
    assert [parts.at(x) for x in found] == [
        "parts.qspec:3:7 a",
        "other.qspec:3:17",
        "other.qspec:5:11",
        "other.qspec:5:15",
    ]


def test_highlights_tell_bindings_apart(document, spec):
    opened = document(spec)
    found = opened.ask("documentHighlight", "¦y = norm")
    assert [(h["range"]["start"]["line"], h["kind"]) for h in found] == [(15, 3), (16, 2)]


def test_symbols(document, spec, golden, request):
    found = document(spec).ask("documentSymbol")
    golden(request.path.parent / "golden" / "symbols.txt", "".join(_lines(found)))


def test_symbols_of_every_item(document):
    text = (
        "qspec 1\n\nrecipe r {\n    task = asr\n    stage float { steps = 1 }\n}\n\n"
        "target t extends cpu { memory = 1 MiB }\n"
    )
    assert "".join(_lines(document(text).ask("documentSymbol"))) == (
        "r: recipe\n    float: stage\nt: target\n"
    )


def _lines(symbols, indent=""):
    for s in symbols:
        yield f"{indent}{s['name']}: {s['detail']}\n"
        yield from _lines(s["children"], indent + "    ")
