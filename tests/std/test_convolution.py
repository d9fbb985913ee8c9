"""Compares the convolution module, whole and in pieces, with torch."""

import pytest
import torch
import torch.nn.functional as F

D, T = 6, 11
KEEP = torch.arange(T) < torch.tensor([[11], [4]])


def text(kernel: int, causal: bool) -> str:
    frames = f"f32[B, {kernel - 1}, d] = zeros"
    step = f"""entry step(x: f32[B, T, d], frames: {frames}) {{
        y, frames = m.step(x, frames)
        return y, frames
    }}"""
    return f"""
        import std.convolution {{ ConvolutionModule }}

        model Net(d: int = {D}) {{
            m = ConvolutionModule(d, {kernel}, causal = {str(causal).lower()})

            entry run(x: f32[B, T, d]) {{ return m(x) }}
            entry masked(x: f32[B, T, d], keep: bool[B, T]) {{ return m(x, keep) }}
            {step if causal else ""}
        }}
    """


def expected(w, x, kernel, causal, keep=None):
    """The module of arXiv 2005.08100 on [B, d, T]."""
    y = F.layer_norm(x, (D,), w["norm.weight"], w["norm.bias"])
    y = F.glu(F.linear(y, w["expand.weight"], w["expand.bias"]))
    if keep is not None:
        y = y * keep[:, :, None]
    before = kernel - 1 if causal else kernel // 2
    y = F.pad(y.transpose(1, 2), (before, kernel - 1 - before))
    y = F.conv1d(y, w["depthwise.weight"].transpose(1, 2), groups=D)
    statistics = (w["batch_norm.running_mean"], w["batch_norm.running_var"])
    y = F.batch_norm(y, *statistics, w["batch_norm.weight"], w["batch_norm.bias"])
    return F.linear(F.silu(y).transpose(1, 2), w["project.weight"], w["project.bias"])


@pytest.mark.parametrize(("kernel", "causal"), [(5, False), (5, True), (4, True), (1, True)])
def test_the_whole_sequence(net, taken, same, kernel, causal):
    program = net(text(kernel, causal))
    weights, x = taken(program, "m"), torch.randn(2, T, D)
    same(program.run(x), expected(weights, x, kernel, causal))
    same(program.masked(x, KEEP), expected(weights, x, kernel, causal, KEEP))


@pytest.mark.parametrize("kernel", [1, 4, 5])
@pytest.mark.parametrize("size", [1, 2, 3, 11])
def test_pieces_give_the_whole(net, same, kernel, size):
    program = net(text(kernel, causal=True))
    x, frames, outputs = torch.randn(2, T, D), None, []
    for piece in x.split(size, 1):
        y, frames = program.step(piece, frames)
        outputs.append(y)
    same(torch.cat(outputs, 1), program.run(x))


def test_the_norm_is_folded_where_both_functions_are_packed(net):
    """The depthwise convolution takes the batch norm in, in `run` and in `step`."""
    model = net(text(5, causal=True)).packed_ir
    assert [f.into for f in model.folds] == ["m.depthwise"]
