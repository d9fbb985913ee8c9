"""Completion proposes what can stand at the cursor, in texts that are not finished."""

MARKED = [
    # what is replaced, by what; `¦` is the cursor
    ("blocks[0].up {", "blocks[0].¦"),
    ("blocks[0].up {", "¦"),
    ("blocks[0].up {", "blocks[*].**:¦ {"),
    ("blocks[0].up {", "blocks[*].{up, ¦} {"),
    ("blocks[0].up {", "**.¦ {"),
    ("weights = int8 }", "¦ }"),
    ("weights = int8 }", "weights = in¦ }"),
    ("weights = int8 }", "weights = int4(¦) }"),
    ("weights = int8 }", "weights = w4(group = 8, ¦) }"),
    ("weights = int8 }", "weights = int4(scale = ¦) }"),
    ("    norm = LayerNorm(d)", "    ¦"),
    ("norm = LayerNorm(d)", "norm = ¦"),
    ("norm = LayerNorm(d)", "norm = LayerNorm(¦"),
    ("Feed(d, expansion = 2)", "Feed(d, ¦"),
    ("return x + down(y)", "return x + ¦"),
    ("return x + down(y)", "return y\n        ¦"),
    ("return first(audio) |> blocks", "return joint.¦"),
    ("return first(audio) |> blocks", "return joint(¦"),
    ("d: int = 64", "d: ¦"),
    ("size(*)", "¦"),
    ("size(*)", "size(blocks[*].¦)"),
    ("macs(run, B", "macs(¦"),
    ("macs(run, B", "macs(run, ¦"),
    ("1 MiB", "1 ¦"),
    ("    model = Net(d = 128)", "    ¦"),
    ("model = Net(d = 128)", "model = ¦"),
    ("model = Net(d = 128)", "model = Net(¦"),
    ("model.layers", "model.¦"),
    ("policy = small", "policy = ¦"),
    ("policy = small", "policy = small\n    policy += { blocks[*].¦ }"),
    ("{ Joint }", "{ ¦ }"),
    ("import std.speech {", "import std.¦ {"),
    ("import std.speech {", "import .¦ {"),
    ("const features", "¦\n\nconst features"),
    ("policy small for Net", "policy small for ¦"),
    ("extends wide", "extends ¦"),
    ("## Two", "## ¦"),
    ("format w4 = int4(group = 64)", "format w4 = ¦"),
    ("const features", "recipe r {\n    ¦\n}\n\nconst features"),
    ("const features", "recipe r {\n    task = ¦\n}\n\nconst features"),
    ("const features", "target r {\n    ¦\n}\n\nconst features"),
]
OPEN_SETS = {"layer", "format", "module", "function", "of a stage", "trait", "unit", "property"}
OPTIONS = ("int4(¦) }", "w4(group = 8, ¦) }")


def test_proposals(document, spec, golden, request):
    """The proposals of each place, with what editors show beside them."""
    opened = document(spec)
    opened.findings()
    pages = []
    for old, new in MARKED:
        assert spec.count(old) == 1, old
        text = spec.replace(old, new)
        opened.write(text.replace("¦", ""))
        items = opened.ask("completion", "¦".join(_around(text)))["items"]
        if new.endswith(OPTIONS):
            labels = [i["label"] for i in items]
            items = [{"label": name} for name in ("group", "scale", "asymmetric") if name in labels]
        pages.append(f"==== {new.strip()}\n" + "".join(_lines(items)))
    golden(request.path.parent / "golden" / "proposals.txt", "\n".join(pages))


def test_named_arguments_are_written_with_their_sign(document, spec):
    opened = document(spec.replace("Feed(d, expansion = 2)", "Feed(d, )"))
    item = opened.ask("completion", "Feed(d, ¦)")["items"][0]
    assert (item["label"], item["insertText"]) == ("expansion", "expansion = ")


def test_documentation_stands_beside_a_proposal(document, spec):
    opened = document(spec.replace("norm = LayerNorm(d)", "norm = "))
    items = {i["label"]: i for i in opened.ask("completion", "norm = ¦")["items"]}
    assert items["Feed"]["documentation"]["value"] == "Two linear maps."
    assert "last axis" in items["Linear"]["documentation"]["value"]


def _around(text):
    """The text before and behind the cursor, as much as makes the place a single one."""
    before, _, after = text.partition("¦")
    return before[-60:], after[:60]


def _lines(items):
    """A line each; words of sets that grow are told by what they are."""
    shown = [f": {item['detail']}" if item.get("detail") else "" for item in items]
    lines = [
        f"<{item['detail']}>" if item.get("detail") in OPEN_SETS else item["label"] + text
        for item, text in zip(items, shown, strict=True)
    ]
    return [f"{line}\n" for line in dict.fromkeys(lines)]
