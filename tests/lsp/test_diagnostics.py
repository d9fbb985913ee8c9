"""What is wrong is told as one types, as `qdsl check` tells it."""

import random
import re
from pathlib import Path

import pytest

from qdsl.spec import check_spec

TOKEN = re.compile(r"\w+|\s+|[^\w\s]")
STRANGE = ["(", ")", "{", "}", "[", "=", "é", "$", '"', "#", "\n", "1", "model", "policy p ", "x."]


def test_a_sound_file_has_no_findings(document, spec):
    assert document(spec).messages() == []


def test_a_finding_comes_and_goes_with_the_keystroke(document, spec):
    opened = document(spec)
    assert opened.messages() == []
    opened.replace("|> up |>", "|> upp |>")
    assert opened.messages() == ["16: Q101 unknown name `upp`"]
    opened.replace("|> upp |>", "|> up |>")
    assert opened.messages() == []


def test_a_finding_has_its_range_help_and_places(document, spec):
    opened = document(spec.replace("layers = 2", "layer = 2"))
    (found,) = opened.findings()
    assert found["range"] == {
        "start": opened.place("model.¦layer = 2"),
        "end": opened.place("model.layer¦ = 2"),
    }
    assert found["message"].split("\n")[-1] == "help: did you mean `layers`?"
    assert (found["severity"], found["source"]) == (1, "qdsl")


def test_a_budget_is_judged_when_typing_pauses(document, spec):
    opened = document(spec)
    opened.findings()
    opened.replace("<= 1 MiB", "<= 1 KiB")
    said = [m.partition(" is ")[0] for m in opened.messages()]
    assert said == [
        f"39: Q401 `{variant}` misses its budget: `size(*) <= 1 KiB`"
        for variant in ("wide", "narrow")
    ]


def test_columns_count_utf16_units(document):
    opened = document('qspec 1\n\nconst a = "𝒳𝒳é" + b\n')
    (found,) = opened.findings()
    assert found["range"]["start"] == {"line": 2, "character": 20}
    opened.replace('"𝒳𝒳é" + b', '"𝒳" + bb')
    (found,) = opened.findings()
    assert found["range"]["start"] == {"line": 2, "character": 17}


def test_an_unsaved_buffer_counts_for_its_importers(document):
    parts = document("qspec 1\n\nconst a = 1\n", "parts.qspec")
    main = document("qspec 1\n\nimport .parts { a }\n\nconst b = a\n")
    assert main.messages() == []
    parts.replace("const a", "const c")
    assert main.messages() == ["3: Q102 `parts.qspec` has no `a`"]


def test_an_error_of_an_imported_file_stands_at_the_import(document, workspace):
    (workspace / "parts.qspec").write_text("qspec 1\n\nconst a = = 1\n")
    main = document("qspec 1\n\nimport .parts { a }\n\nconst b = a\n")
    (found,) = main.findings()
    assert found["message"].startswith("parts.qspec: ")
    assert found["range"]["start"] == {"line": 2, "character": 0}
    related = found["relatedInformation"][0]["location"]
    assert main.at(related) == "parts.qspec:3:11"


def test_a_change_on_disk_is_seen(document, workspace, editor):
    path = workspace / "parts.qspec"
    path.write_text("qspec 1\n\nconst a = 1\n")
    main = document("qspec 1\n\nimport .parts { a }\n\nconst b = a\n")
    assert main.messages() == []
    path.write_text("qspec 1\n\nconst c = 1\n")
    editor.tell("workspace/didChangeWatchedFiles", changes=[])
    assert main.messages() == ["3: Q102 `parts.qspec` has no `a`"]


@pytest.mark.parametrize("seed", range(8))
def test_what_is_typed_is_told_as_check_tells_it(document, spec, seed, tmp_path: Path):
    """Random edits one after the other, in one document: the law of all that is kept between."""
    random_ = random.Random(seed)
    opened = document(spec)
    opened.findings()
    for _ in range(6):
        opened.write(_mutated(opened.text if random_.random() < 0.5 else spec, random_))
        assert sorted(_said(opened)) == sorted(_checked(opened.text, tmp_path))


def _mutated(text: str, random_: random.Random) -> str:
    tokens = TOKEN.findall(text)
    at = random_.randrange(3, len(tokens))
    match random_.randrange(4):
        case 0:
            del tokens[at]
        case 1:
            tokens.insert(at, random_.choice(STRANGE))
        case 2:
            tokens[at] = random_.choice(STRANGE)
        case _:
            tokens[at] = random_.choice([t for t in tokens if t.isidentifier()])
    return "".join(tokens)


def _said(opened) -> list[tuple[object, ...]]:
    places = [(d["code"], d["range"]["start"]) for d in opened.findings()]
    return [(code, start["line"], start["character"]) for code, start in places]


def _checked(text: str, folder: Path) -> list[tuple[object, ...]]:
    """Codes and places that `qdsl check` gives."""
    path = folder / "model.qspec"
    path.write_text(text)
    spec = check_spec(path)
    found = [*spec.diagnostics]
    if spec.compiled.ok:
        found += [d for v in spec.variants.values() for d in v.findings()]
    places = []
    for d in dict.fromkeys(found):
        assert d.primary is not None
        start = d.primary.span.location
        line = text.split("\n")[start.line - 1][: start.column - 1]
        column = len(line.encode("utf-16-le")) // 2
        places.append((d.code, start.line - 1, column))
    return places
