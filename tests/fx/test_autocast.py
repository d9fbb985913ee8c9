"""Checks that what one product reads is rounded to its type at once, with the same numbers."""

import pytest
import torch

import qdsl

SPEC = """qspec 1

model Net(d: int = 16) {
    hidden = Linear(d -> 16)
    mix = Conv1d(16 -> 16, 3, padding = "same")
    point = Conv1d(16 -> 16, 1)
    parts = Conv1d(16 -> 16, 3, padding = "same", groups = 4)
    twice = Linear(16 -> 16)
    table = Embedding(8, 16)

    entry forward(x: f32[B, T, d], ids: i64[B, T]) {
        y = hidden(x) |> relu |> mix |> point |> parts
        return twice(twice(y)) + table(ids)
    }
}

policy low for Net {
    ** { weights = int4(group = 8); activations = int8(dynamic) }
    point { activations = int8(static) }
    parts { bias = bf16; weights = int4(group = 4) }
    table { weights = int8 }
}

policy learned extends low {
    hidden { weights = int3(clip = learned) sparse 2:4; activations = int4(static, clip = learned) }
    mix { weights = bf16 sparse 50%; activations = f32 }
}

variant small {
    model = Net()
    policy = low
}

variant other extends small {
    policy = learned
}
"""


def program_of(tmp_path, variant):
    path = tmp_path / "net.qspec"
    path.write_text(SPEC)
    return qdsl.load_spec(path).variants[variant].program(seed=1).to_qat().train()


def step(program, types=None):
    """Results and gradients of a second step; `types` gets those of what modules round."""
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(2, 5, 16, generator=generator)
    ids = torch.randint(8, (2, 5), generator=generator)
    with torch.autocast("cpu", torch.bfloat16):
        program(x, ids)
        for name, module in program.named_modules() if types is not None else ():
            module.register_forward_hook(lambda _, __, y, name=name: types.update({name: y.dtype}))
        y = program(x, ids)
    y.float().square().mean().backward()
    return y, {k: p.grad for k, p in program.named_parameters()}


@pytest.mark.parametrize("variant", ["small", "other"])
def test_numbers_are_those_of_two_casts(tmp_path, variant, monkeypatch):
    y, gradients = step(program_of(tmp_path, variant))
    monkeypatch.setattr("qdsl.fx.trained.mark_multiplied", lambda lowered, _: lowered)
    plain, wanted = step(program_of(tmp_path, variant))
    assert torch.equal(y, plain)
    assert gradients.keys() == wanted.keys()
    for key, gradient in wanted.items():
        assert torch.equal(gradients[key], gradient), key


def test_types(tmp_path):
    types = {}
    step(program_of(tmp_path, "small"), types)
    bf16, f32 = torch.bfloat16, torch.float32
    assert types["hidden.weight:q"] is types["mix.weight:q"] is types["point.weight:q"] is bf16
    # two products add gradients in f32, and no product reads rows of a table
    assert types["twice.weight:q"] is types["table.weight:q"] is f32


def test_devices_without_autocast(tmp_path):
    program = program_of(tmp_path, "small").to("meta")
    x = torch.randn(1, 4, 16, device="meta")
    y = program(x, torch.zeros(1, 4, dtype=torch.int64, device="meta"))
    assert (y.device.type, y.dtype) == ("meta", torch.float32)


def test_without_autocast_all_is_f32(tmp_path):
    program = program_of(tmp_path, "small")
    types = {}
    for module in program.modules():
        module.register_forward_hook(lambda _, __, y: types.update({y.dtype: True}))
    program(torch.randn(1, 4, 16), torch.zeros(1, 4, dtype=torch.int64))
    assert [*types] == [torch.float32]
