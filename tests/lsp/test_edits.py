"""Formatting, and the fixes that findings carry."""

OPTIONS = {"tabSize": 2, "insertSpaces": False}  # which the one layout does not ask for


def test_formatting_is_that_of_fmt(document, spec):
    opened = document(
        spec.replace("const features = 80", "const   features=80").replace("\n\n\n", "\n")
    )
    edits = opened.ask("formatting", options=OPTIONS)
    assert [(e["range"]["start"]["line"], e["newText"]) for e in edits] == [
        (4, "const features = 80\n")
    ]


def test_a_formatted_file_stays(document, spec):
    assert document(spec).ask("formatting", options=OPTIONS) == []


def test_a_broken_file_is_not_formatted(document, spec):
    assert document(spec + "block {").ask("formatting", options=OPTIONS) is None


def test_a_fix_is_offered_where_its_finding_stands(document):
    opened = document("const a = 1\n")
    (found,) = opened.findings()
    (action,) = opened.ask("codeAction", range=found["range"], context={"diagnostics": [found]})
    assert (action["title"], action["kind"]) == ("insert `qspec 1`", "quickfix")
    (edit,) = action["edit"]["changes"][opened.uri]
    assert edit["newText"] + opened.text == "qspec 1\n\nconst a = 1\n"
    assert action["diagnostics"] == [found]


def test_no_fix_elsewhere(document):
    opened = document("const a = 1\n\nconst b = 2\n")
    end = opened.place("2¦")
    found = opened.ask("codeAction", range={"start": end, "end": end}, context={"diagnostics": []})
    assert found == []


def test_the_name_that_was_meant_is_a_fix(document, spec):
    opened = document(spec.replace("|> up |>", "|> upp |>"))
    (found,) = opened.findings()
    (action,) = opened.ask("codeAction", range=found["range"], context={"diagnostics": []})
    assert action["title"] == "replace `upp` by `up`"
    (edit,) = action["edit"]["changes"][opened.uri]
    assert (edit["range"], edit["newText"]) == (found["range"], "up")
