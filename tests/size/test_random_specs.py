"""Predicts the bytes of random specs, and writes the files: the lengths are equal."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qdsl.artifact.container import write
from qdsl.artifact.layout import range_tensors, storage_tensors
from qdsl.ir.ranges import ranges
from qdsl.passes import run_passes
from qdsl.sema.compile import compile_file
from qdsl.size.report import size

# every reduction axis but those of depthwise kernels and gains is a multiple of 8
_widths = st.sampled_from((8, 16, 24, 40))
_floats = st.sampled_from(("f32", "f16", "bf16"))


@st.composite
def weight_formats(draw):
    """Any format that fits rows of a multiple of 8."""
    family = draw(st.sampled_from((*(f"int{bits}" for bits in range(2, 9)), "ternary", "binary")))
    pattern = draw(st.sampled_from(("", "", " sparse 2:4", " sparse 3:8", " sparse 87.5%")))
    ratio = ":" in pattern
    if not draw(st.integers(0, 5)):
        return f"{draw(_floats)}{'(index = combination)' * ratio}{pattern}"
    if family == "binary" and not ratio:
        pattern = ""  # a share needs a code of 0
    groups = (8, 16) if pattern else (1, 2, 4, 8, 5, 12)
    group = draw(st.sampled_from(groups))
    tail = ", tail = short" if group not in (1, 2, 4, 8) or draw(st.booleans()) else ""
    grouping = (None, "per = channel", "per = tensor", f"group = {group}{tail}")
    options = [draw(st.sampled_from(grouping))]
    options.append(f"scale = {draw(_floats)}" if draw(st.booleans()) else None)
    options.append("index = combination" if ratio and draw(st.booleans()) else None)
    if family == "ternary":
        options.append(draw(st.sampled_from((None, "rule = threshold"))))
    elif family == "binary":
        options += [draw(st.sampled_from((None, "center"))), "ste = identity"]
    else:
        options += draw(_ranges(family, bool(pattern)))
    return f"{family}({', '.join(o for o in options if o)}){pattern}".replace("()", "")


@st.composite
def _ranges(draw, family, sparse):
    """Zero point, clip and levels of an integer format."""
    asymmetric = draw(st.booleans())
    clips = (None, "clip = none", "clip = 0.5", "clip = search")
    if asymmetric:
        # a pruned weight is exactly 0, which no float zero point gives
        zero = draw(st.sampled_from(("int",) if sparse else ("int", "f32", "f16", "bf16")))
        return ["asymmetric", f"zero = {zero}", draw(st.sampled_from(clips))]
    levels = ["full"] + ["narrow"] * (family != "int2") + ["half"] * (not sparse)
    clip = draw(st.sampled_from(clips))
    return [f"levels = {draw(st.sampled_from(levels))}", clip]


@st.composite
def steps(draw, number):
    """Members of a block d → d, and the calls that use them, as `|>` has it."""
    name, other = f"m{number}", f"n{number}"
    width, count = draw(_widths), draw(st.integers(0, 3))
    hidden = draw(st.sampled_from((48, 56)))
    kernel = draw(st.sampled_from((1, 3)))
    bias = draw(st.sampled_from(("", ", bias = false")))
    conv = f"{name} = Conv1d(d -> d, {kernel}, padding = {draw(_paddings)}{bias})"
    return draw(
        st.sampled_from(
            (
                ([f"{name} = Linear(d -> d{bias})"], [name, "relu"]),
                (
                    [f"{name} = Linear(d -> {width})", f"{other} = Linear({width} -> d)"],
                    [name, other],
                ),
                ([f"{name} = repeat {count} {{ Linear(d -> d) }}"], [name]),
                ([f"{name} = repeat {count} {{ Inner(d) }}"], [name]),
                ([f"{name} = LSTM(d, d)"], [name]),
                ([f"{name} = GRU(d, d)"], [name]),
                ([f"{name} = LSTM(d, {hidden}, d)"], [name]),
                ([f"{name} = LayerNorm(d)", f"{other} = Dropout(0.5)"], [name, other]),
                ([conv, f"{other} = BatchNorm(d)"], [name, other]),  # folded
                ([conv, f"{other} = BatchNorm(d)"], [name, "relu", other]),  # not folded
                (
                    [f'depth{number} = Conv1d(d -> d, 3, padding = "same", groups = d{bias})'],
                    [f"depth{number}"],
                ),
            )
        )
    )


_paddings = st.sampled_from(('"same"', '"causal"'))


@st.composite
def blocks(draw):
    drawn = [draw(steps(i)) for i in range(draw(st.integers(1, 4)))]
    members = [m for made, _ in drawn for m in made]
    calls = " |> ".join(c for _, used in drawn for c in used)
    gain = draw(st.booleans())
    members += ["parameter gain: f32[d] = ones"] * gain
    result = f"(x |> {calls}) * gain" if gain else f"x |> {calls}"
    body = f"forward(x: f32[B, T, d]) -> f32[B, T, d] {{ return {result} }}"
    return "block Outer(d: int) {\n  " + "\n  ".join((*members, body)) + "\n}"


INNER = """block Inner(d: int) {
  parameter shift: f32[1, 1, d] = zeros
  up = Linear(d -> 2 * d)
  down = Linear(2 * d -> d)
  forward(x: f32[B, T, d]) -> f32[B, T, d] { return x + shift |> up |> silu |> down }
}"""


@st.composite
def policies(draw):
    """Every kind in any format; what no group divides in one that takes any row."""
    plain = ("f32", "f16", "bf16", "int8", "int4(per = tensor)", "ternary(scale = f16)")
    rules = [f"default {{ weights = {draw(st.sampled_from(plain))} }}"]
    for kind in ("Linear", "Conv1d", "LSTM", "GRU", "Embedding"):
        if draw(st.integers(0, 3)):
            rules.append(f"**:{kind} {{ weights = {draw(weight_formats())} }}")
    depthwise = draw(st.sampled_from((*plain, "int3(group = 2, tail = short)")))
    rules.append(f"optional **.depth* {{ weights = {depthwise} }}")
    if draw(st.booleans()):
        rounded = draw(st.sampled_from(("bf16", "int8(dynamic)", "uint8(asymmetric)", "int4")))
        output = draw(st.sampled_from(("", "; output = int8(asymmetric)", "; output = f32")))
        rules.append(f"**:Linear {{ bias = {draw(_floats)}; activations = {rounded}{output} }}")
    if draw(st.booleans()):
        rules.append(f"**:LayerNorm {{ norm = {draw(_floats)} }}")
    # both names of a tie are claimed alike
    shared = draw(weight_formats())
    rules.append(f"{{table, out}} {{ weights = {shared} }}")
    return "policy p {\n  " + "\n  ".join(rules) + "\n}"


@st.composite
def specs(draw):
    width, vocab, depth = draw(_widths), draw(st.integers(1, 40)), draw(st.integers(0, 3))
    tie = draw(st.sampled_from(("", "tie out.weight = table.weight")))
    model = f"""model Net(d: int = {width}, depth: int = {depth}) {{
  table = Embedding({vocab}, d)
  body = repeat depth {{ Outer(d) }}
  head = Linear(d -> d)
  out = Linear(d -> {vocab}, bias = false)
  {tie}
  entry run(ids: i64[B, T]) {{ return table(ids) |> body |> head |> out }}
}}"""
    variants = (
        "variant float { model = Net() }\n"
        "variant packed { model = Net(); policy = p }\n"
        f"variant other extends packed {{ model.d = {draw(_widths)} }}"
    )
    return "\n\n".join(("qspec 1", INNER, draw(blocks()), model, draw(policies()), variants))


@settings(max_examples=220, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=specs(), seed=st.integers(0, 1 << 16))
def test_predicted_bytes_are_written_bytes(tmp_path_factory, text, seed):
    path = tmp_path_factory.getbasetemp() / "random.qspec"
    path.write_text(text)
    compiled = compile_file(path)
    assert compiled.ok, [f"{d.code} {d.message}" for d in compiled.diagnostics]
    assert len(compiled.variants) == 3
    rng = np.random.default_rng(seed)
    for variant in compiled.variants.values():
        model = run_passes(variant.model)
        report = size(variant.name, variant.model, model, lambda storage: "any")
        tensors = [e for s in model.storages for e in storage_tensors(s)]
        tensors += [e for r in ranges(model) for e in range_tensors(r)]
        codes = {e.key: rng.bytes(e.nbytes) for e in tensors}
        file = path.with_suffix(".qpack")
        written = write(file, model, codes.__getitem__)
        assert report.total_bytes == written == file.stat().st_size
        assert report.total_bytes == report.header_bytes + sum(r.total_bytes for r in report.rows)
