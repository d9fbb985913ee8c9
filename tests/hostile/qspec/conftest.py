"""Makes specs that nobody writes for good, by name, with the codes of what is found in each."""

from collections.abc import Iterator

import pytest

Specs = dict[str, tuple[str, list[str]]]


def model(entry: str, members: str = "", before: str = "") -> str:
    """A model with one entry over x [B, T, 8], and what stands before it."""
    return f"""qspec 1

{before}

model Net(d: int = 8) {{
    {members}
    entry run(x: f32[B, T, d]) {{ {entry} }}
}}
"""


def lines(*parts: str) -> str:
    return "\n".join(parts)


def depths() -> Iterator[tuple[str, str, list[str]]]:
    """Blocks, calls, constants, policies and variants that lead to one another, far."""
    chain = [
        f"block B{i}(d: int) {{ inner = B{i + 1}(d)  forward(x: f32[B, T, d]) {{ return inner(x) }} }}"
        for i in range(500)
    ]
    last = "block B500(d: int) { map = Linear(d -> d) forward(x: f32[B, T, d]) { return map(x) } }"
    yield (
        "500 blocks within blocks",
        model("return net(x)", "net = B0(d)", lines(*chain, last)),
        ["Q208"],
    )
    calls = [f"fn f{i}(x: f32[B, T, d]) {{ return f{i - 1}(x) }}" for i in range(1, 500)]
    net = lines("block Deep(d: int) {", "fn f0(x: f32[B, T, d]) { return x }", *calls, "}")
    yield "500 functions in a row", model("return net.f499(x)", "net = Deep(d)", net), ["Q208"]
    constants = [f"const c{i} = c{i - 1} + c{i - 1}" for i in range(1, 60)]
    yield "constants that double", lines("qspec 1", "const c0 = 1", *constants), []
    many = [f"const c{i} = c{i - 1} + 1" for i in range(1, 5000)]
    yield "5000 constants in a row", lines("qspec 1", "const c0 = 1", *many), []
    ring = [f"variant v{i} extends v{(i + 1) % 3000} {{ }}" for i in range(3000)]
    yield "a ring of 3000 variants", lines("qspec 1", *ring), ["Q313"]
    ring = [f"policy p{i} extends p{(i + 1) % 3000} {{ }}" for i in range(3000)]
    used = ["variant v { model = Net  policy = p0 }", "variant w { model = Net  policy = p9 }"]
    yield "a ring of 3000 policies", lines(model("return x"), *ring, *used), ["Q313"]
    row = [f"variant v{i} extends v{i - 1} {{ model.d = {i} }}" for i in range(1, 3000)]
    first = "variant v0 { model = Net }"
    yield "3000 variants in a row", lines(model("return x"), first, *row), ["Q208"]
    sum_ = "x" + " + x" * 90
    yield "a long sum", model(f"return {sum_}"), []


def numbers() -> Iterator[tuple[str, str, list[str]]]:
    """Sizes that no machine has."""
    yield (
        "10^9 repeats",
        model("return a(x)", "a = repeat 1_000_000_000 { Linear(d -> d) }"),
        ["Q208"],
    )
    yield (
        "fewer than no repeats",
        model("return a(x)", "a = repeat 0 - 1 { Linear(d -> d) }"),
        ["Q208"],
    )
    inner = "block In(d: int) { m = repeat 100000 { Linear(d -> d) } forward(x: f32[B, T, d]) { return m(x) } }"
    outer = (
        "block Out(d: int) { m = repeat 100000 { In(d) } forward(x: f32[B, T, d]) { return m(x) } }"
    )
    nested = model("return m(x)", "m = repeat 100000 { Out(d) }", lines(inner, outer))
    yield "10^5 repeats of 10^5 of 10^5", nested, ["Q208"]
    doubled = ["block C0(d: int) { m = Linear(d -> d) forward(x: f32[B, T, d]) { return m(x) } }"]
    for i in range(1, 30):
        body = f"a = C{i - 1}(d)  b = C{i - 1}(d)  forward(x: f32[B, T, d]) {{ return a(b(x)) }}"
        doubled.append(f"block C{i}(d: int) {{ {body} }}")
    yield "2^29 layers", model("return m(x)", "m = C29(d)", lines(*doubled)), ["Q208"]
    wide = "t = Linear(1_000_000_000_000_000 -> 1_000_000_000_000_000)"
    yield "10^30 parameters", model("return x", wide), ["Q208"]
    table = "block P { parameter p: f32[1_000_000_000, 1_000_000_000] = zeros  forward(x: f32[B]) { return x } }"
    yield "10^18 numbers in a parameter", model("return x", "p = P()", table), ["Q208"]
    yield (
        "an integer beyond all",
        "qspec 1\nconst a = 900_000_000_000_000_000 * 900_000_000_000_000_000",
        ["Q203"],
    )
    yield "a float beyond all", "qspec 1\nconst a = 1e308 * 1e308", ["Q203"]
    yield "no number at all", "qspec 1\nconst a = (1e308 * 10.0) - (1e308 * 10.0)", ["Q203"]
    for operator in ("/", "//", "%"):
        yield f"{operator} by zero", f"qspec 1\nconst a = 1 {operator} 0", ["Q203"]
        yield f"{operator} by zero, floats", f"qspec 1\nconst a = 1.5 {operator} 0.0", ["Q203"]
    yield "a dim by zero", model("y = reshape(x, B, T // (d - d), d)  return y"), ["Q203"]
    yield "negative padding", model("return pad(x, 2, 0 - 100, 0)"), ["Q210"]
    yield "a window wider than the axis", model("return windows(x, 100, 1, 2)"), ["Q210"]
    yield "a stride of nothing", model("return windows(x, 1, 0)"), ["Q210"]
    yield "10^9 parts", model("return split(x, 1_000_000_000)[0]"), ["Q210"]
    yield "a negative kernel", model("return c(x)", "c = Conv1d(d -> d, 0 - 3)"), ["Q206"]
    arrays = lines(
        "qspec 1",
        "model Net(d: int = 8) {",
        "entry run(x: [[f32[B, d]; 100000]; 100000]) { return x } }",
    )
    yield "10^10 inputs", arrays, ["Q208"]


def loops() -> Iterator[tuple[str, str, list[str]]]:
    """Work that is written in few words."""
    yield (
        "nested loops",
        model("for i in 0..100000 { for j in 0..100000 { for k in 0..100000 { } } } return x"),
        ["Q208"],
    )
    yield "a long loop", model("for i in 0..100000 { x = x + 1.0 } return x"), ["Q208"]
    yield "a loop without end", model("for i in 0..900_000_000_000_000_000 { } return x"), ["Q208"]
    yield "a loop backwards", model("for i in 10..0 { x = x + 1.0 } return x"), []
    calls = [f"fn f{i}(x: f32[B, T, d]) {{ return f{i - 1}(f{i - 1}(x)) }}" for i in range(1, 30)]
    block = lines("block Twice(d: int) {", "fn f0(x: f32[B, T, d]) { return x + x }", *calls, "}")
    yield "2^29 calls", model("return t.f29(x)", "t = Twice(d)", block), ["Q208"]
    yield (
        "a dim of degree 2^40",
        model("y = T  for i in 0..40 { y = y * y } return reshape(x, B, y, d)"),
        ["Q203"],
    )
    yield (
        "a dim of 2^40 terms",
        model("y = T  for i in 0..40 { y = y * (y + B) } return reshape(x, B, y, d)"),
        ["Q203"],
    )
    yield (
        "a formula of 10^4 floors",
        model("for i in 0..10000 { x = max_pool(cat(x, x, axis = 1), 3) } return x"),
        ["Q210"],
    )
    yield (
        "an axis that doubles",
        model("for i in 0..1000 { x = cat(x, x, axis = 1) } return x"),
        ["Q210"],
    )
    yield "a thousand axes", model("for i in 0..1000 { x = x[none] } return x"), ["Q210"]
    yield (
        "an array that doubles",
        model("y = [x]  for i in 0..60 { y = [y, y] } return x"),
        ["Q208"],
    )
    doubling = [f"const a{i} = [a{i - 1}, a{i - 1}]" for i in range(1, 60)]
    yield "constants of arrays that double", lines("qspec 1", "const a0 = 1", *doubling), ["Q208"]
    repeated = "for i in 0..1000 { x = a(x) } return x"
    yield "10^8 calls of layers", model(repeated, "a = repeat 100000 { Linear(d -> d) }"), ["Q208"]
    axes = ", ".join(["(T + B + 1)"] * 16)
    yield "a product of 16 sums", model(f"return reshape(x, {axes})"), ["Q210"]
    lengths = ["block L0(d: int) { forward(x: f32[B, T, d]) { return x } }"]
    for i in range(1, 25):
        body = f"y = inner(max_pool(x, 2)) n = len(S, range(B)) return y"
        sign = "forward(x: f32[B, T, d]) -> f32[B, S, d]"
        lengths.append(f"block L{i}(d: int) {{ inner = L{i - 1}(d)  {sign} {{ {body} }} }}")
    yield "lengths within lengths", model("return l(x)", "l = L24(d)", lines(*lengths)), []


def circles() -> Iterator[tuple[str, str, list[str]]]:
    """What is defined by itself."""
    own = "block A(d: int) { a = A(d)  forward(x: f32[B, T, d]) { return a(x) } }"
    yield "a block of itself", model("return a(x)", "a = A(d)", own), ["Q220"]
    ever = "block A(d: int) { a = A(d + 1)  forward(x: f32[B, T, d]) { return x } }"
    yield "a block of larger ones", model("return a(x)", "a = A(d)", ever), ["Q220"]
    less = "block A(d: int) { a = if d == 0 { none } else { A(d - 1) }  forward(x: f32[B]) { return x } }"
    yield "a block of smaller ones", model("return x", "a = A(d)", less), ["Q220"]
    ring = [f"block R{i} {{ r = R{(i + 1) % 2000}() }}" for i in range(2000)]
    yield "a ring of 2000 blocks", lines("qspec 1", *ring), ["Q220"]
    given = "block G(b: block) { inner = b(b)  forward(x: f32[B]) { return x } }"
    yield "a block given to itself", model("return x", "g = G(G)", given), ["Q220"]
    grown = "block G(b: block, n: int) { inner = b(b, n + 1)  forward(x: f32[B]) { return x } }"
    yield "a block given to itself, growing", model("return x", "g = G(G, 0)", grown), ["Q208"]
    yield "a constant of itself", "qspec 1\nconst a = a + 1", ["Q109"]
    yield "constants of each other", "qspec 1\nconst a = b + 1\nconst b = a + 1", ["Q109"]
    yield "formats of each other", "qspec 1\nformat a = b\nformat b = a", ["Q109"]
    yield (
        "a function of itself",
        model(
            "return f(x)", before=lines("block F(d: int) { fn f(x: f32[B, T, d]) { return f(x) } }")
        ).replace("return f(x) }\n}\n", "return g.f(x) }\n    g = F(d)\n}\n"),
        ["Q213"],
    )
    yield (
        "a default of itself",
        "qspec 1\nmodel M(a: int = a) { entry run(x: f32[B]) { return x } }",
        ["Q101"],
    )
    yield "a member of itself", model("return m(x)", "m = Linear(m -> d)"), ["Q101"]


def policies() -> Iterator[tuple[str, str, list[str]]]:
    """Rules that match more than there is."""
    rules = "\n".join("** { weights = int8 }" for _ in range(3000))
    many = model("return a(x)", "a = repeat 10000 { Linear(d -> d) }")
    used = "variant v { model = Net  policy = p }"
    yield "3000 rules of 10^4 layers", lines(many, f"policy p {{ {rules} }}", used), ["Q208"]
    stars = ".".join(["**"] * 200)
    yield (
        "200 times any path",
        lines(
            model("return a(x)", "a = Linear(d -> d)"),
            f"policy p {{ {stars} {{ weights = int8 }} }}",
            used,
        ),
        [],
    )
    glob = "*".join("a" * 300) + "b"
    yield (
        "300 stars in a name",
        lines(
            model("return " + "a" * 2000 + "(x)", "a" * 2000 + " = Linear(d -> d)"),
            f"policy p {{ default {{ weights = f32 }} {glob} {{ weights = int8 }} }}",
            used,
        ),
        ["Q304"],
    )
    variants = [f"variant v{i} {{ model = Net }}" for i in range(2000)]
    yield "2000 variants of 10^4 layers", lines(many, *variants), ["Q208"]
    huge = "policy p { default { weights = int4(group = 900_000_000_000_000_000) } }"
    yield (
        "a group beyond all",
        lines(model("return a(x)", "a = Linear(d -> d)"), huge, used),
        ["Q301"],
    )


SPECS: Specs = {
    name: (text, codes)
    for kind in (depths, numbers, loops, circles, policies)
    for name, text, codes in kind()
}


@pytest.fixture(params=SPECS)
def hostile(request: pytest.FixtureRequest) -> tuple[str, list[str]]:
    """The text of a hostile spec, and the codes of its findings."""
    return SPECS[request.param]
