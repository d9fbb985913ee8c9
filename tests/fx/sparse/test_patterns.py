"""Holds sparse weights to their contract, in training and packed, on every layer kind."""

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from qdsl import formats, registry
from qdsl.artifact import container
from qdsl.formats import make_weight_format
from qdsl.fx import Schedule, build, decay_pruned, load, verify
from qdsl.fx.canonical import decode, encode
from qdsl.fx.masks import is_whole, nm_mask
from qdsl.fx.numerics import State, dequantize, quantize
from qdsl.fx.quantizer import Quantizer
from qdsl.ir.format import FloatGrid, WeightFormat
from qdsl.ir.pattern import NM, Index, Unstructured
from qdsl.layers.conv1d import Conv1d
from qdsl.layers.linear import Linear
from qdsl.recipes.schedule import Cubic, Gradual, OneShot
from tests.fx.sparse.stepping import step

PATTERNS = {
    "2:4": NM(2, 4),
    "1:4": NM(1, 4),
    "3:4": NM(3, 4, Index.COMBINATION),
    "5:8": NM(5, 8, Index.COMBINATION),
    "60%": Unstructured(600_000),
}
FORMATS = {
    "f32": ("f32", (), {}),
    "f16": ("f16", (), {}),
    "bf16": ("bf16", (), {}),
    "int4": ("int4", (), {"group": 8, "clip": "search"}),
    "int3": ("int3", ("asymmetric",), {"scale": "f16"}),
    "uint2": ("uint2", ("asymmetric",), {"group": 8}),
    "ternary": ("ternary", (), {"per": "tensor"}),
    "binary": ("binary", ("center",), {}),
    "nf4": ("nf4", (), {}),
    "kmeans3": ("kmeans3", (), {}),
}
FAMILIES = registry.collect(formats, formats.Family)
X, IDS = torch.randn(2, 7, 8), torch.randint(12, (2, 6))


@pytest.mark.parametrize("text", PATTERNS)
@pytest.mark.parametrize("word", FORMATS)
def test_pruned_weights_are_0_and_the_file_says_which(network, make, tmp_path, word, text):
    if word in ("binary", "kmeans3") and text == "60%":
        pytest.skip("no code for 0")
    (name, flags, options), pattern = FORMATS[word], PATTERNS[text]
    format = make.format(name, *flags, **options, pattern=pattern)
    program = build(network(format)).to_qat().train()
    step(program, IDS)
    step(program, IDS)
    for _, quantizer, weight in program.quantizers():
        rounded = quantizer(weight).detach().view(quantizer.matrix)
        assert is_whole(quantizer.mask, pattern)
        assert not rounded[~quantizer.mask].any()
    program.eval()
    path = tmp_path / "model.qpack"
    assert program.pack(path) == path.stat().st_size
    assert verify(program, path, [("forward", (IDS,))], "reference").ok
    packed = load(path, "reference")
    with torch.no_grad():
        assert torch.equal(program.exact()(IDS), packed(IDS))
    if isinstance(format.grid, FloatGrid) and isinstance(pattern, NM):
        storages = {s.path: s for s in container.read(path).model.storages}
        for key, quantizer, weight in program.quantizers():
            stored = packed.get_buffer(key)
            assert stored.dtype == torch.float32
            assert torch.equal(stored, quantizer.dequantized().view(weight.shape))
        assert storages["conv.weight"].format == format


@pytest.mark.parametrize("text", ["2:4", "3:4", "60%"])
def test_the_kernels_of_the_processor_read_every_index(network, make, tmp_path, text):
    pytest.importorskip("qdsl_cpu")
    program = build(network(make.format("int4", group=8, pattern=PATTERNS[text]))).to_qat().eval()
    program.pack(tmp_path / "m")
    report = verify(program, tmp_path / "m", [("forward", (IDS,))], "cpu")
    assert report.ok, str(report)


# ---- gradients ---------------------------------------------------------------------------------


@pytest.mark.parametrize("text", PATTERNS)
def test_the_gradient_is_that_of_the_kept_weights(one, make, text):
    """Masked gradient: y = x·(m∘w)ᵀ, dL/dw = m∘(dL/dy)ᵀ·x."""
    program = one(Linear(16, 6), make.format("f32", pattern=PATTERNS[text]), ("B", 16))
    x, given = torch.randn(5, 16), torch.randn(5, 6)
    program(x).backward(given)
    weight, mask = program.layer.weight, program.state_dict()["layer.weight.q.mask"]
    assert torch.equal(weight.grad, torch.where(mask, given.T @ x, 0.0))


@pytest.mark.parametrize("text", PATTERNS)
@pytest.mark.parametrize("word", ["f32", "int4", "ternary"])
def test_decay_is_added_for_pruned_weights_alone(one, make, word, text):
    """SR-STE, arXiv 2102.04010: the gradient, and λ·w where w is pruned."""
    name, flags, options = FORMATS[word]
    format = make.format(name, *flags, **options, pattern=PATTERNS[text])
    program = one(Conv1d(8, 4, 2), format, ("B", "T", 8))
    program(X).square().sum().backward()
    weight, mask = program.layer.weight, program.state_dict()["layer.weight.q.mask"]
    before, pruned = weight.grad.clone(), torch.where(mask.view_as(weight), 0.0, weight.detach())
    decay_pruned(program, 0.25)
    torch.testing.assert_close(weight.grad, before + 0.25 * pruned, rtol=0, atol=1e-7)
    assert torch.equal(weight.grad[mask.view_as(weight)], before[mask.view_as(weight)])


@pytest.mark.parametrize("text", PATTERNS)
def test_scales_are_those_of_the_kept_weights(make, text):
    """A pruned weight, however large, changes nothing."""
    weight, pattern = torch.randn(6, 16), PATTERNS[text]
    mask = nm_mask(weight, pattern) if isinstance(pattern, NM) else weight.abs() > 0.8
    louder = torch.where(mask, weight, 100 * weight)
    for name, flags, options in FORMATS.values():
        if "clip" in options or name == "kmeans3" or (name == "binary" and text == "60%"):
            continue
        format = make.format(name, *flags, **options, pattern=pattern)
        found = [quantize(w, format, State(mask)) for w in (weight, louder)]
        assert torch.equal(found[0].scale, found[1].scale)
        assert torch.equal(*(torch.where(mask, f.codes, 0.0) for f in found))


@settings(max_examples=80, deadline=None)
@given(
    word=st.sampled_from(sorted(FORMATS)),
    pattern=st.sampled_from((NM(2, 4), NM(1, 4), NM(3, 4), Unstructured(600_000))),
    index=st.sampled_from(Index),
    rows=st.integers(1, 5),
    groups=st.integers(1, 6),
    seed=st.integers(0, 1 << 16),
)
def test_what_is_stored_is_what_was_frozen(word, pattern, index, rows, groups, seed):
    """Any number of groups, with a group of scales that is cut short; weights often equal."""
    name, flags, options = FORMATS[word]
    if "group" in options:
        options = {**options, "tail": "short"}
    if isinstance(pattern, NM):
        options = {**options, "index": index}
    format = make_weight_format(FAMILIES[name], options, flags, pattern)
    assume(isinstance(format, WeightFormat))
    matrix = (rows, 4 * groups)
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randint(-3, 4, matrix, generator=generator) / 4
    quantizer = Quantizer(format, matrix, Schedule())
    quantizer.update(weight)
    quantizer.freeze(weight)
    frozen = quantizer.quantized()
    dense = torch.where(quantizer.mask, weight, 0.0)
    assert not quantizer.dequantized()[~quantizer.mask].any()
    if isinstance(format.grid, FloatGrid):
        assert torch.equal(quantizer.dequantized(), dense)
    if format.is_one_tensor:
        return
    read = decode(encode(frozen, quantizer.mask, format))
    assert read.mask is None or torch.equal(read.mask, quantizer.mask)
    assert torch.equal(dequantize(read.quantized, format, read.mask), quantizer.dequantized())


# ---- schedules ---------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["1:4", "60%"])
@pytest.mark.parametrize("rise", [Gradual, Cubic])
def test_a_mask_that_rises_is_whole_in_the_end(one, make, rise, text):
    format = make.format("int4", pattern=PATTERNS[text])
    schedule = Schedule(rise(steps=6, every=2))
    program = one(Linear(16, 10), format, ("B", 16), schedule=schedule)
    ((_, quantizer, _),) = program.quantizers()
    kept = [int(quantizer.mask.sum())]
    for _ in range(8):
        step(program, torch.randn(3, 16))
        kept.append(int(quantizer.mask.sum()))
    share = {Gradual: (1 / 3, 2 / 3, 1), Cubic: (19 / 27, 26 / 27, 1)}[rise]
    pruned = {"1:4": lambda s: 40 * int(3 * s + 1e-9), "60%": lambda s: int(96 * s)}[text]
    a, b, c = (160 - pruned(s) for s in share)
    assert kept == [160, 160, a, a, b, b, c, c, c]


def test_a_mask_that_is_not_whole_is_when_it_is_frozen(one, make):
    format = make.format("f16", pattern=NM(2, 4))
    program = one(Linear(16, 6), format, ("B", 16), schedule=Schedule(Gradual(steps=10, every=1)))
    step(program, torch.randn(3, 16))
    ((_, quantizer, weight),) = program.quantizers()
    assert not is_whole(quantizer.mask, NM(2, 4))
    program.freeze()
    assert torch.equal(quantizer.mask, nm_mask(weight.detach(), NM(2, 4)))


def test_a_stage_without_masks_keeps_them(one, make):
    program = one(Linear(16, 6), make.format("f32", pattern=NM(1, 4)), ("B", 16))
    step(program, torch.randn(3, 16))
    ((_, quantizer, weight),) = program.quantizers()
    mask = quantizer.mask.clone()
    program.begin(Schedule(mask=None))
    with torch.no_grad():
        weight.normal_()
    step(program, torch.randn(3, 16))
    assert torch.equal(quantizer.mask, mask)
    assert int(quantizer.state_dict()["step"]) == 1
    program.begin(Schedule(OneShot(at=1)))
    assert quantizer.mask.all()
    step(program, torch.randn(3, 16))
    assert quantizer.mask.all()
    step(program, torch.randn(3, 16))
    assert is_whole(quantizer.mask, NM(1, 4))
