"""Makes specs that nobody writes for good, by name, with the codes of what is found in each."""

from collections.abc import Iterator

import pytest

Spec = tuple[str, str, list[str]]  # name, text, codes

MAP = "map = Linear(d -> d)"
THOUSANDS = "maps = repeat 10000 { Linear(d -> d) }"
USED = "variant v { model = Net  policy = p }"


def lines(*parts: str) -> str:
    return "\n".join(parts)


def block(name: str, *members: str) -> str:
    return f"block {name} {{ {'  '.join(members)} }}"


def forward(value: str) -> str:
    return f"forward(x: f32[B, T, d]) {{ return {value} }}"


def model(body: str, members: str = "", *before: str) -> str:
    """A model with one entry over x [B, T, 8], and the items before it."""
    entry = f"entry run(x: f32[B, T, d]) {{ {body} }}"
    return lines("qspec 1", *before, f"model Net(d: int = 8) {{ {members}\n{entry} }}")


def depths() -> Iterator[Spec]:
    """Blocks, calls, constants, policies and variants that lead to one another, far."""
    blocks = [
        block(f"B{i}(d: int)", f"inner = B{i + 1}(d)", forward("inner(x)")) for i in range(500)
    ]
    last = block("B500(d: int)", MAP, forward("map(x)"))
    yield "500 blocks deep", model("return net(x)", "net = B0(d)", *blocks, last), ["Q208"]
    functions = [f"fn f{i}(x: f32[B, T, d]) {{ return f{i - 1}(x) }}" for i in range(1, 500)]
    deep = block("Deep(d: int)", "fn f0(x: f32[B, T, d]) { return x }", *functions)
    yield "500 calls deep", model("return net.f499(x)", "net = Deep(d)", deep), ["Q208"]
    opened, closed = "if true { " * 45, " } else { none }" * 45
    steep = [
        block(f"S{i}(d: int)", f"inner = {opened}S{i + 1}(d){closed}", forward("inner(x)"))
        for i in range(30)
    ]
    last = block("S30(d: int)", MAP, forward("map(x)"))
    yield (
        "30 blocks, each 45 ifs deep",
        model("return net(x)", "net = S0(d)", *steep, last),
        ["Q208"],
    )
    doubled = [f"const c{i} = c{i - 1} + c{i - 1}" for i in range(1, 60)]
    yield "constants that double", lines("qspec 1", "const c0 = 1", *doubled), []
    many = [f"const c{i} = c{i - 1} + 1" for i in range(1, 5000)]
    yield "5000 constants in a row", lines("qspec 1", "const c0 = 1", *many), []
    variants = [f"variant v{i} extends v{i - 1} {{ model.d = {i} }}" for i in range(1, 3000)]
    first = "variant v0 { model = Net }"
    yield "3000 variants in a row", lines(model("return x"), first, *variants), []
    yield "a long sum", model("return x" + " + x" * 90), []


def sizes() -> Iterator[Spec]:
    """More layers and weights than any machine has."""
    count = "return maps(x)"
    yield "10^9 repeats", model(count, "maps = repeat 1_000_000_000 { Linear(d -> d) }"), ["Q208"]
    yield "fewer than no repeats", model(count, "maps = repeat 0 - 1 { Linear(d -> d) }"), ["Q208"]
    inner = block("In(d: int)", "m = repeat 100000 { Linear(d -> d) }", forward("m(x)"))
    outer = block("Out(d: int)", "m = repeat 100000 { In(d) }", forward("m(x)"))
    yield "10^15 repeats", model(count, "maps = repeat 100000 { Out(d) }", inner, outer), ["Q208"]
    twice = [block("C0(d: int)", MAP, forward("map(x)"))]
    for i in range(1, 30):
        members = f"a = C{i - 1}(d)", f"b = C{i - 1}(d)"
        twice.append(block(f"C{i}(d: int)", *members, forward("a(b(x))")))
    yield "2^29 layers", model("return m(x)", "m = C29(d)", *twice), ["Q208"]
    wide = "t = Linear(1_000_000_000_000_000 -> 1_000_000_000_000_000)"
    yield "10^30 parameters", model("return x", wide), ["Q208"]
    table = block("P", "parameter p: f32[1_000_000_000, 1_000_000_000] = zeros")
    yield "10^18 numbers in a parameter", model("return x", "p = P()", table), ["Q208"]
    many = block("Q", *(f"parameter p{i}: f32[1] = zeros" for i in range(1000)))
    yield "10^8 parameters", model("return x", "q = repeat 100000 { Q() }", many), ["Q208"]
    inputs = "entry run(x: [[f32[B]; 100000]; 100000]) { return x }"
    yield "10^10 inputs", lines("qspec 1", f"model Net {{ {inputs} }}"), ["Q208"]


def numbers() -> Iterator[Spec]:
    """Arithmetic that has no result, or none that anyone means."""
    large = "900_000_000_000_000_000"
    yield "an integer beyond all", f"qspec 1\nconst a = {large} * {large}", ["Q203"]
    yield "a float beyond all", "qspec 1\nconst a = 1e308 * 1e308", ["Q203"]
    yield "no number at all", "qspec 1\nconst a = (1e308 * 10.0) - (1e308 * 10.0)", ["Q203"]
    for sign in ("/", "//", "%"):
        yield f"{sign} by zero", f"qspec 1\nconst a = 1 {sign} 0", ["Q203"]
        yield f"{sign} by zero, floats", f"qspec 1\nconst a = 1.5 {sign} 0.0", ["Q203"]
    yield "a dim by zero", model("return reshape(x, B, T // (d - d), d)"), ["Q203"]
    yield "negative padding", model("return pad(x, 2, 0 - 100, 0)"), ["Q210"]
    yield "a window wider than the axis", model("return windows(x, 100, 1, 2)"), ["Q210"]
    yield "a stride of nothing", model("return windows(x, 1, 0)"), ["Q210"]
    yield "10^9 parts", model("return split(x, 1_000_000_000)[0]"), ["Q210"]
    yield "10^5 parts", model("return split(reshape(x, 100000, B * T, d), 100000, 0)[0]"), ["Q210"]
    yield "a negative kernel", model("return c(x)", "c = Conv1d(d -> d, 0 - 3)"), ["Q206"]
    power = "y = T  for i in 0..40 { y = y * y }"
    yield "a dim of degree 2^40", model(power + " return reshape(x, B, y, d)"), ["Q203"]
    terms = "y = T  for i in 0..40 { y = y * (y + B) }"
    yield "a dim of 2^40 terms", model(terms + " return reshape(x, B, y, d)"), ["Q203"]
    axes = ", ".join(["T + B + 1"] * 16)
    yield "a product of 16 sums", model(f"return reshape(x, {axes})"), ["Q210"]


def loops() -> Iterator[Spec]:
    """Work that is written in few words."""
    nested = "for i in 0..100000 { for j in 0..100000 { for k in 0..100000 { } } }"
    yield "nested loops", model(nested + " return x"), ["Q208"]
    yield "a long loop", model("for i in 0..100000 { x = x + 1.0 } return x"), ["Q208"]
    endless = "for i in 0..900_000_000_000_000_000 { } return x"
    yield "a loop without end", model(endless), ["Q208"]
    yield "a loop backwards", model("for i in 10..0 { x = x + 1.0 } return x"), []
    functions = [
        f"fn f{i}(x: f32[B, T, d]) {{ return f{i - 1}(f{i - 1}(x)) }}" for i in range(1, 30)
    ]
    twice = block("Twice(d: int)", "fn f0(x: f32[B, T, d]) { return x + x }", *functions)
    yield "2^29 calls", model("return t.f29(x)", "t = Twice(d)", twice), ["Q208"]
    again = "for i in 0..1000 { x = maps(x) } return x"
    yield "10^7 calls of layers", model(again, THOUSANDS), ["Q208"]
    pooled = "for i in 0..10000 { x = max_pool(cat(x, x, axis = 1), 3) } return x"
    yield "10^4 floors in a formula", model(pooled), ["Q210"]
    yield (
        "an axis that doubles",
        model("for i in 0..99 { x = cat(x, x, axis = 1) } return x"),
        ["Q210"],
    )
    yield "a thousand axes", model("for i in 0..1000 { x = x[none] } return x"), ["Q210"]
    yield (
        "an array that doubles",
        model("y = [x]  for i in 0..60 { y = [y, y] } return x"),
        ["Q208"],
    )
    arrays = [f"const a{i} = [a{i - 1}, a{i - 1}]" for i in range(1, 60)]
    yield "constants of arrays that double", lines("qspec 1", "const a0 = 1", *arrays), ["Q208"]
    lengths = [block("L0(d: int)", forward("x"))]
    for i in range(1, 25):
        sign = "forward(x: f32[B, T, d]) -> f32[B, S, d]"
        body = "y = inner(max_pool(x, 2))  n = len(S, range(B))  return y"
        lengths.append(block(f"L{i}(d: int)", f"inner = L{i - 1}(d)", f"{sign} {{ {body} }}"))
    yield "lengths within lengths", model("return l(x)", "l = L24(d)", *lengths), []


def circles() -> Iterator[Spec]:
    """What is defined by itself."""
    own = block("A(d: int)", "a = A(d)", forward("a(x)"))
    yield "a block of itself", model("return a(x)", "a = A(d)", own), ["Q220"]
    more = block("A(d: int)", "a = A(d + 1)", forward("x"))
    yield "a block of larger ones", model("return a(x)", "a = A(d)", more), ["Q220"]
    less = block("A(d: int)", "a = if d == 0 { none } else { A(d - 1) }", forward("x"))
    yield "a block of smaller ones", model("return x", "a = A(d)", less), ["Q220"]
    ring = [block(f"R{i}", f"r = R{(i + 1) % 2000}()") for i in range(2000)]
    yield "a ring of 2000 blocks", lines("qspec 1", *ring), ["Q220"]
    given = block("G(b: block)", "inner = b(b)")
    yield "a block given to itself", model("return x", "g = G(G)", given), ["Q220"]
    grown = block("G(b: block, n: int)", "inner = b(b, n + 1)")
    yield "a growing block given to itself", model("return x", "g = G(G, 0)", grown), ["Q208"]
    yield "a constant of itself", "qspec 1\nconst a = a + 1", ["Q109"]
    yield "constants of each other", "qspec 1\nconst a = b + 1\nconst b = a + 1", ["Q109"]
    yield "formats of each other", "qspec 1\nformat a = b\nformat b = a", ["Q109"]
    endless = block("F(d: int)", "fn f(x: f32[B, T, d]) { return f(x) }")
    yield "a function of itself", model("return g.f(x)", "g = F(d)", endless), ["Q213"]
    yield "a default of itself", "qspec 1\nblock M(a: int = a) { }", ["Q101"]
    yield "a member of itself", model("return m(x)", "m = Linear(m -> d)"), ["Q101"]
    variants = [f"variant v{i} extends v{(i + 1) % 3000} {{ }}" for i in range(3000)]
    yield "a ring of 3000 variants", lines("qspec 1", *variants), ["Q313"]
    policies = [f"policy p{i} extends p{(i + 1) % 3000} {{ }}" for i in range(3000)]
    other = "variant w { model = Net  policy = p9 }"
    used = USED.replace("= p ", "= p0 ")
    yield "a ring of 3000 policies", lines(model("return x"), *policies, used, other), ["Q313"]


def policies() -> Iterator[Spec]:
    """Rules that match more than there is."""
    large, small = model("return maps(x)", THOUSANDS), model("return map(x)", MAP)
    rules = "** { weights = int8 }\n" * 3000
    yield "3000 rules of 10^4 layers", lines(large, f"policy p {{ {rules} }}", USED), ["Q208"]
    path = ".".join(["**"] * 200)
    rule = f"policy p {{ {path} {{ weights = int8 }} }}"
    yield "200 times any path", lines(small, rule, USED), []
    name, glob = "a" * 2000, "*".join("a" * 300) + "b"
    rule = f"policy p {{ default {{ weights = f32 }} {glob} {{ weights = int8 }} }}"
    long = model(f"return {name}(x)", f"{name} = Linear(d -> d)")
    yield "300 stars in a name", lines(long, rule, USED), ["Q304"]
    variants = [f"variant v{i} {{ model = Net }}" for i in range(2000)]
    yield "2000 variants of 10^4 layers", lines(large, *variants), ["Q208"]
    group = "policy p { default { weights = int4(group = 900_000_000_000_000_000) } }"
    yield "a group beyond all", lines(small, group, USED), ["Q301"]


SPECS = {
    name: (text, codes)
    for kind in (depths, sizes, numbers, loops, circles, policies)
    for name, text, codes in kind()
}


@pytest.fixture(params=SPECS)
def hostile(request: pytest.FixtureRequest) -> tuple[str, list[str]]:
    """The text of a hostile spec, and the codes of its findings."""
    return SPECS[request.param]
