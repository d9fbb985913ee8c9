"""A hover tells what a name is, what it weighs, and which rules gave it its format."""

MARKED = [
    ("a member", " u¦p = Lin"),
    ("a repeat", "blo¦cks = "),
    ("a block", "Fe¦ed(d, exp"),
    ("a model", "model Ne¦t"),
    ("a variant", "variant wi¦de"),
    ("a parameter", "model.lay¦ers"),
    ("an entry", "macs(ru¦n"),
    ("a local", "down(y¦)"),
    ("an input", "return x¦ + down"),
    ("a dim", "B¦, T, d] {"),
    ("a format", "weights = w¦4"),
    ("a module", "std.spe¦ech"),
]


def test_hovers(document, spec, golden, request):
    opened = document(spec)
    pages = []
    for what, marked in MARKED:
        text = opened.ask("hover", marked)["contents"]["value"]
        pages.append(f"==== {what}: {marked.strip()}\n{text}\n")
    golden(request.path.parent / "golden" / "hovers.txt", "\n".join(pages))


def test_words_of_the_language(document, spec):
    opened = document(spec)
    for marked, known in [
        ("Lin¦ear(d -> d *", "Affine map"),
        ("si¦lu", "A function of tensors"),
        ("weig¦hts = w4", "A property of policies"),
        ("int¦8 }", "A number format"),
        ("Joi¦nt(d", "Additive joint"),
    ]:
        assert known in opened.ask("hover", marked)["contents"]["value"], marked


def test_nothing_to_tell(document, spec):
    assert document(spec).ask("hover", "¦    return") is None


def test_bytes_are_those_of_the_last_sound_text(document, spec):
    opened = document(spec)
    opened.findings()
    opened.replace("policy = small", "policy = smal")
    assert len(opened.findings()) == 1
    assert "72.00 KiB" in opened.ask("hover", " u¦p = Lin")["contents"]["value"]


def test_an_open_format_has_an_interval(document, spec):
    opened = document(spec.replace("weights = int8", "weights = any(int2(group = 64), int8)"))
    text = opened.ask("hover", "variant wi¦de")["contents"]["value"]
    assert " … " in text.partition("**, ")[0]


def test_hints_weigh_members(document, spec, golden, request):
    opened = document(spec)
    opened.findings()
    whole = {"start": {"line": 0, "character": 0}, "end": {"line": 99, "character": 0}}
    lines = []
    for hint in opened.ask("inlayHint", range=whole):
        line = opened.text.split("\n")[hint["position"]["line"]]
        assert hint["position"]["character"] == len(line)
        lines.append(f"{line}    {hint['label']}\n{hint['tooltip']['value']}\n")
    golden(request.path.parent / "golden" / "hints.txt", "\n".join(lines))


def test_hints_are_of_the_range_asked_for(document, spec):
    opened = document(spec)
    opened.findings()
    lines = {"start": {"line": 21, "character": 0}, "end": {"line": 22, "character": 80}}
    assert [h["position"]["line"] for h in opened.ask("inlayHint", range=lines)] == [21, 22]
