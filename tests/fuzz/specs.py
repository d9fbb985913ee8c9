"""Writes specs that mean something: blocks, repeats, functions, policies, budgets and variants.

Nearly all compile; the rest miss a budget, or give a storage a format that does not fit.
"""

from collections.abc import Callable, Sequence
from random import Random

WIDTHS = (8, 16, 24, 64)
FLOATS = ("f32", "f16", "bf16")
INPUT, RESULT = "x: f32[B, T, d]", "f32[B, T, d]"

Step = tuple[list[str], str]
"""Members of a block, and an expression of `x` [B, T, d] that uses them and keeps its shape."""

INNER = """block Inner(d: int, kernel: int = 3, act: bool = true) where kernel % 2 == 1 {
    parameter shift: f32[1, 1, d] = zeros
    up = Linear(d -> 2 * d)
    down = Linear(2 * d -> d)
    near = if kernel > 1 { Conv1d(d -> d, kernel, padding = "same", groups = d) } else { none }

    fn half(x: f32[B, T, d], keep: bool[B, T] = none) -> f32[B, T, 2 * d] {
        x = if keep is none { x } else { where(keep[:, :, none], x, 0.0) }
        return up(x + shift)
    }

    forward(x: f32[B, T, d], keep: bool[B, T] = none) -> f32[B, T, d] {
        x = half(x, keep) |> down
        return if near is none { x } else { if act { near(x) |> silu } else { near(x) } }
    }
}"""


def spec(random: Random) -> str:
    """The text of a spec of one model with a few variants."""
    d, vocab, depth = random.choice(WIDTHS), random.randint(1, 40), random.randint(0, 3)
    formats = [f"format w{i} = {weight_format(random)}" for i in range(random.randint(0, 2))]
    parts = ["qspec 1", f"const vocab = {vocab}", *formats, INNER, _block(random)]
    parts.append(_model(random, d, depth))
    parts.append(_policy(random, [f"w{i}" for i in range(len(formats))]))
    parts += [_budget(random), _recipe(random)]
    return "\n\n".join((*parts, _variants(random))) + "\n"


def weight_format(random: Random) -> str:
    """Any format of weights, most of which fit rows of a multiple of 8."""
    families = (*(f"int{bits}" for bits in range(2, 9)), "ternary", "binary")
    family = random.choice((*families, *FLOATS))
    pattern = random.choice(("", "", "", " sparse 2:4", " sparse 1:2", " sparse 87.5%"))
    indices = ("index = position", "index = combination") if ":" in pattern else ()
    if family in FLOATS:
        return f"{family}({', '.join(indices[1:])}){pattern}".replace("()", "")
    if family == "binary" and not indices:
        pattern = ""  # a share needs a code of 0
    group = random.choice((8, 16) if pattern else (1, 2, 4, 8, 5, 16))
    options = [random.choice(("per = channel", "per = tensor", f"group = {group}, tail = short"))]
    options += random.choice(([], [f"scale = {random.choice(FLOATS)}"]))
    match family:
        case "ternary":
            options += random.choice(([], ["rule = threshold"]))
        case "binary":
            options += random.choice(([], ["center"], ["ste = identity"]))
        case _:
            zero = "int" if pattern else "f16"  # a pruned weight is exactly 0
            kinds: Sequence[list[str]] = (
                [],
                ["levels = full"],
                ["clip = 0.5"],
                ["asymmetric", f"zero = {zero}"],
            )
            options += random.choice(kinds)
    options += random.choice(([], [random.choice(indices)])) if indices else []
    random.shuffle(options)
    return f"{family}({', '.join(options)}){pattern}"


def _linear(random: Random, name: str) -> Step:
    bias = random.choice(("", ", bias = false"))
    return [f"{name} = Linear(d -> d{bias})"], f"{name}(x)"


def _narrow(random: Random, name: str) -> Step:
    width = random.choice(WIDTHS)
    members = [f"{name} = Linear(d -> {width})", f"{name}b = Linear({width} -> d)"]
    return members, f"{name}(x) |> relu |> {name}b"


def _repeat(random: Random, name: str) -> Step:
    made = random.choice(("Linear(d -> d)", "Inner(d)", "Inner(d, kernel = 2 * i + 1)"))
    return [f"{name} = repeat {random.randint(0, 3)} as i {{ {made} }}"], f"{name}(x)"


def _masked(random: Random, name: str) -> Step:
    body = f"{name}(x, keep = x[:, :, {random.randint(0, 7)}] < 0.5)"
    return [f"{name} = Inner(d, 1, {random.choice(('true', 'false'))})"], body


def _recurrent(random: Random, name: str) -> Step:
    return [
        f"{name} = {random.choice(('LSTM(d, d)', 'LSTM(d, d + 8, d)', 'GRU(d, d)'))}"
    ], f"{name}(x)"


def _convolution(random: Random, name: str) -> Step:
    padding = random.choice(('"same"', '"causal"'))
    members = [f"{name} = Conv1d(d -> d, {random.choice((1, 3))}, padding = {padding})"]
    members.append(f"{name}n = BatchNorm(d)")
    return members, f"{name}(x) |> {random.choice(('', 'relu |> '))}{name}n"


def _norm(random: Random, name: str) -> Step:
    members = [f"{name} = LayerNorm(d)", f"{name}b = Dropout({random.choice((0.0, 0.1, 0.5))})"]
    return members, f"{name}(x) |> {name}b"


def _attention(random: Random, name: str) -> Step:
    scores = 'einsum(x, x, "btd,bsd->bts") / sqrt(d) |> softmax'
    return [f"{name} = Linear(d -> d)"], f'einsum({scores}, {name}(x), "bts,bsd->btd")'


def _shapes(random: Random, name: str) -> Step:
    forms = (
        f"reshape(x, B, T, 2, d // 2) |> reshape(B, T, d) |> {name}",
        f"transpose(x, B, T, d -> B, d, T) |> transpose(B, d, T -> B, T, d) |> {name}",
        f"cat(x, x, axis = -1)[:, :, ..d] |> {name}",
        f"pad(x, 1, 2, 0)[:, 2..] |> {name}",
        f"{name}(x) - mean(x, -1, keep = true)",
        f"{name}(x) * sigmoid(x) + x",
    )
    return [f"{name} = Linear(d -> d)"], random.choice(forms)


STEPS: Sequence[Callable[[Random, str], Step]] = (
    *(_linear, _narrow, _repeat, _masked, _recurrent),
    *(_convolution, _norm, _attention, _shapes),
)


def _block(random: Random) -> str:
    drawn = [random.choice(STEPS)(random, f"m{i}") for i in range(random.randint(1, 4))]
    members = [member for made, _ in drawn for member in made]
    lines = []
    for _, expression in drawn:
        residual = random.choice(("x = {}", "x = x + ({})", "y = {}\n        x = x + y"))
        lines.append(residual.format(expression))
    if random.random() < 0.3:
        lines.append("for i in 0..3 { x = x + 1.0 }")
    body = "\n        ".join((*lines, "return x"))
    forward = f"forward({INPUT}) -> {RESULT} {{\n        {body}\n    }}"
    return "block Outer(d: int) {\n    " + "\n    ".join((*members, "", forward)) + "\n}"


def _model(random: Random, d: int, depth: int) -> str:
    tie = random.choice(("", "tie out.weight = table.weight"))
    return f"""model Net(d: int = {d}, depth: int = {depth}) {{
    table = Embedding(vocab, d)
    body = repeat depth {{ Outer(d) }}
    head = Inner(d)
    out = Linear(d -> vocab, bias = false)
    {tie}

    entry run(ids: i64[B, T]) {{ return table(ids) |> body |> head |> out }}
    entry embed(ids: i64[B, T], lengths: i64[B]) {{
        keep = range(T) < lengths[:, none]
        return head(table(ids), keep), lengths
    }}
}}"""


RULES = (
    "**:Linear { activations = int8(dynamic, per = token); bias = f16 }",
    "head.** { activations = int8 }",
    "**:Linear { output = int8(asymmetric) }",
    "optional **:LayerNorm { norm = bf16 }",
    "optional body[*].** { softmax = uint8 }",
    "optional **.down { weights = any(int8, int4(group = 8)) }",
)


def _recipe(random: Random) -> str:
    """A recipe of two stages and a target."""
    rate = random.choice(("1e-3", "cosine(1e-3, warmup = 10)", "2e-4"))
    distill = random.choice(("", "; distill = stage(float, weight = 0.5, temperature = 2)"))
    memory = random.choice(("64 MiB", "1 GiB", "900 KB"))
    return f"""recipe r {{
    stage float {{ steps = {random.randint(1, 2000)}; lr = {rate} }}
    stage qat {{ steps = 100; lr = 2e-4{distill} }}
}}

target t extends {random.choice(("cpu", "phone", "microcontroller"))} {{ memory = {memory} }}"""


def _policy(random: Random, named: Sequence[str]) -> str:
    rules = [f"default {{ weights = {random.choice((*FLOATS, 'int8'))} }}"]
    for selector in ("**:Linear", "**:Conv1d", "**:LSTM", "body[*].**", "body[0, -1].**", "**.up"):
        if random.random() < 0.5:
            made = random.choice((*named, weight_format(random)))
            rules.append(f"optional {selector} {{ weights = {made} }}")
    rules += random.sample(RULES, random.choice((0, 0, 1, 3)))
    rules.append(f"{{table, out}} {{ weights = {random.choice((*named, weight_format(random)))} }}")
    rules.append("**.near { weights = int8 }")  # its rows are 3 weights
    more = "policy more extends p { head.** { weights = int8; trainable = false } }"
    return "policy p {\n    " + "\n    ".join(rules) + "\n}\n\n" + more


def _budget(random: Random) -> str:
    limits = (
        f"size(*) <= {random.randint(1, 900)} {random.choice(('KiB', 'KB', 'MiB'))}",
        f"size(head.**) <= {random.randint(1, 90)} KiB",
        f"ratio(*) >= {random.randint(1, 5)} x over {random.choice(('f32', 'bf16'))}",
        f"bits(**) <= {random.choice((3, 4.5, 8, 32))}",
        f"params(table) < {random.randint(1, 99)} K",
        f"macs(run, B = 1, T = {random.randint(1, 1000)}) <= 1 G",
    )
    chosen = random.sample(limits, random.randint(1, 3))
    return "budget b {\n    " + "\n    ".join(chosen) + "\n}"


def _variants(random: Random) -> str:
    return f"""variant float {{ model = Net() }}
variant packed {{ model = Net(depth = {random.randint(0, 2)}); policy = p; recipe = r }}
variant other extends packed {{
    model.d = {random.choice(WIDTHS)}
    policy = {random.choice(("p", "more"))}
    {random.choice(("", "target = t", "target = cpu", "recipe.qat.steps = 30"))}
    {random.choice(("budget = b", "policy += { head.down { weights = int8 } }", ""))}
}}"""
