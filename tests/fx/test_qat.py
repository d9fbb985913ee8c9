"""Checks programs that train for packing: state, folding, freezing, copies, resuming."""

from copy import deepcopy
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from qdsl.diagnostic.model import QdslError
from qdsl.fx import Schedule, build, decay_pruned
from qdsl.ir.format import F32, ActivationFormat
from qdsl.ir.model import Assigned, Fold, Parameter, Role, Storage
from qdsl.ir.op import Unary
from qdsl.ir.pattern import NM
from qdsl.layers.batchnorm import BatchNorm
from qdsl.layers.conv1d import Conv1d
from qdsl.layers.dropout import Dropout
from qdsl.layers.embedding import Embedding
from qdsl.layers.linear import Linear
from qdsl.recipes.schedule import FewShot


@pytest.fixture
def chain(make):
    """Two layers of a repeat and an output tied to an embedding; int4 sparse, clip searched."""

    def model(format=None, frozen=frozenset()):
        format = format or make.format("int4", group=8, clip="search", pattern=NM(2, 4))
        maker = make.maker(
            {
                "blocks": [Linear(8, 8), Linear(8, 8)],
                "drop": Dropout(0.5),
                "emb": Embedding(6, 8),
                "out": Linear(8, 6, False),
            },
            choose=lambda path: format,
            ties={"out.weight": "emb.weight"},
            frozen=frozen,
        )
        maker.entry(
            "forward",
            {"ids": make.type("i64", "B", "U")},
            lambda body, ids: body.call(
                "out",
                body.call(
                    "drop", body.call("blocks[1]", body.call("blocks[0]", body.call("emb", ids)))
                ),
            ),
        )
        maker.entry("embed", {"ids": make.type("i64", "B")}, lambda body, x: body.call("emb", x))
        return maker.model()

    return model


IDS = torch.tensor([[0, 1, 2, 5]])


def step(program, optimizer):
    optimizer.zero_grad()
    loss = program(IDS).square().mean()
    loss.backward()
    optimizer.step()
    return loss.item()


def test_keys_are_paths_and_fields(chain):
    program = build(chain())
    floats = {"blocks.0.weight", "blocks.0.bias", "blocks.1.weight", "blocks.1.bias", "emb.weight"}
    assert set(program.state_dict()) == floats
    qat = program.to_qat()
    quantized = [k for k in floats if k.endswith("weight")]
    fields = {f"{k}.q.{field}" for k in quantized for field in ("mask", "clip", "step")}
    assert set(qat.state_dict()) == floats | fields
    qat.freeze()
    frozen = {f"{k}.q.{field}" for k in quantized for field in ("codes", "scale")}
    assert set(qat.state_dict()) == floats | fields | frozen


def test_layers_are_attributes_at_their_paths(chain):
    program = build(chain())
    assert program.blocks[1].weight is program.get_parameter("blocks.1.weight")
    assert program.entry("embed")(IDS[0]).shape == (4, 8)
    with pytest.raises(AttributeError):
        program.nothing  # noqa: B018


def test_a_tied_weight_is_one_storage(chain):
    program = build(chain()).to_qat()
    assert len(list(program.quantizers())) == 3
    step(program, torch.optim.SGD(program.parameters(), 0.1))
    names = [n.name for n in program.graph("forward").nodes if n.op == "call_module"]
    assert len(names) == 3


def test_dropout_only_in_training(chain):
    program = build(chain())
    assert not torch.equal(program(IDS), program(IDS))
    program.eval()
    assert torch.equal(program(IDS), program(IDS))


def test_storages_that_are_not_trained(chain):
    program = build(chain(frozen=frozenset({"blocks[0].weight"})))
    for trained in (program, program.to_qat()):
        assert not trained.blocks[0].weight.requires_grad
        assert trained.blocks[1].weight.requires_grad


def test_state_is_written_at_its_steps_and_read_between(chain):
    schedule = Schedule(mask=FewShot(shots=9, every=3), clip_every=1, until=6)
    program = build(chain()).to_qat(schedule).train()
    key = "blocks.0.weight.q.mask"
    masks = [program.state_dict()[key].clone()]
    for _ in range(8):
        program(IDS)
        with torch.no_grad():
            program.blocks[0].weight.normal_()
        program.eval()(IDS)
        program.train()
        masks.append(program.state_dict()[key].clone())
    changed = [not torch.equal(a, b) for a, b in pairwise(masks)]
    assert changed == [False, False, False, True, False, False, False, False]
    assert program.state_dict()["blocks.0.weight.q.step"] == 8


def test_two_entries_in_one_step_are_one_step(chain):
    program = build(chain()).to_qat()
    program(IDS), program.embed(IDS[0])
    assert program.state_dict()["emb.weight.q.step"] == 1


def test_resuming_is_as_if_never_stopped(chain):
    def fresh():
        program = build(chain()).to_qat(Schedule(mask=FewShot(shots=4, every=2), clip_every=3))
        return program, torch.optim.Adam(program.parameters(), 0.05)

    torch.manual_seed(1)
    program, optimizer = fresh()
    for _ in range(3):
        step(program, optimizer)
    saved = deepcopy((program.state_dict(), optimizer.state_dict(), torch.get_rng_state()))
    unbroken = [step(program, optimizer) for _ in range(5)]
    again, optimizer = fresh()
    again.load_state_dict(saved[0])
    optimizer.load_state_dict(saved[1])
    torch.set_rng_state(saved[2])
    assert [step(again, optimizer) for _ in range(5)] == unbroken


def test_frozen_codes_are_read_not_computed(chain):
    program = build(chain()).to_qat().eval().freeze()
    before = program(IDS)
    with torch.no_grad():
        program.blocks[0].weight.add_(1)
    assert torch.equal(program(IDS), before)
    other = build(chain()).to_qat().eval()
    other.load_state_dict(program.state_dict())
    assert torch.equal(other(IDS), before)
    for _, quantizer, _ in other.quantizers():
        quantizer.unfreeze()
    assert not torch.equal(other(IDS), before)


def test_copies_share_nothing(chain, tmp_path):
    program = build(chain()).to_qat().eval()
    copy = deepcopy(program)
    assert torch.equal(copy(IDS), program(IDS))
    with torch.no_grad():
        copy.blocks[0].weight.zero_()
    assert not torch.equal(copy(IDS), program(IDS))
    torch.save(program, tmp_path / "program.pt")
    loaded = torch.load(tmp_path / "program.pt", weights_only=False)
    assert torch.equal(loaded(IDS), program(IDS))
    assert loaded.state_dict().keys() == program.state_dict().keys()


def test_decay_of_pruned_weights(chain):
    program = build(chain()).to_qat()
    program(IDS).sum().backward()
    weight, mask = program.blocks[0].weight, program.state_dict()["blocks.0.weight.q.mask"]
    before = weight.grad.clone()
    decay_pruned(program, 0.25)
    assert torch.equal(weight.grad, before + torch.where(mask, 0.0, 0.25 * weight))


def test_weights_that_are_not_finite_are_named(chain):
    program = build(chain())
    with torch.no_grad():
        program.blocks[1].weight[0, 0] = float("nan")
    with pytest.raises(QdslError, match=r"Q710\] `blocks\.1\.weight`"):
        program.to_qat()


def test_a_scale_out_of_range_is_named(chain, make):
    program = build(chain(make.format("int4", scale="f16")))
    with torch.no_grad():
        program.blocks[1].weight[0, 0] = 1e6
    with pytest.raises(QdslError, match=r"Q711.*`blocks\.1\.weight`"):
        program.to_qat().freeze()


def test_a_codebook_with_integer_activations_is_refused(make):
    maker = make.maker({"up": Linear(8, 8)}, lambda path: make.format("nf4"))
    maker.activations = {"up": ActivationFormat()}
    maker.entry("forward", {"x": make.type("f32", "B", 8)}, lambda body, x: body.call("up", x))
    with pytest.raises(QdslError, match=r"Q510.*linear of nf4 with int8_token activations"):
        build(maker.model()).to_qat()


def folding(make, bias):
    """conv → norm, float and folded, on one set of layers."""
    members = {
        "conv": Conv1d(4, 6, 3, bias=bias),
        "norm": BatchNorm(6),
        "lin": Linear(6, 5, bias),
        "post": BatchNorm(5),
        "last": BatchNorm(5),
    }

    def model(choose=lambda path: F32, folds=()):
        maker = make.maker(members, choose=choose, folds=folds)
        return maker.entry(
            "forward",
            {"x": make.type("f32", "B", "T", 4)},
            lambda body, x: body.call(
                "last",
                body.b.emit(
                    Unary("relu"),
                    body.call("post", body.call("lin", body.call("norm", body.call("conv", x)))),
                ),
            ),
        ).model()

    return model


@pytest.mark.parametrize("bias", [True, False])
def test_folding_changes_no_result(make, bias):
    model = folding(make, bias)
    folded = model(folds=(Fold("norm", "conv"), Fold("post", "lin")))
    added = () if bias else (("conv", 6), ("lin", 5))
    folded = replace(
        folded,
        storages=tuple(
            s for s in folded.storages if s.path not in ("last.running_mean", "last.running_var")
        )
        + tuple(
            Storage(f"{n}.bias", "Linear", Parameter("bias", (size,), Role.BIAS), Assigned(F32))
            for n, size in added
        ),
    )
    program = build(model(), packed=folded)
    x = torch.randn(3, 9, 4)
    for _ in range(4):
        program(x * 2 + 1)
    with torch.no_grad():
        for norm in (program.norm, program.post, program.last):
            norm.weight.uniform_(0.5, 2)
            norm.bias.uniform_(-1, 1)
    program.eval()
    qat = program.to_qat()
    torch.testing.assert_close(qat(x), program(x), rtol=1e-5, atol=1e-5)
    assert not any("norm" in k or "post" in k or "running" in k for k in qat.state_dict())
    assert torch.equal(qat.exact()(x), qat(x))


def test_rounded_activations_reach_the_products(make):
    model = make.layer_model(
        Linear(8, 4),
        make.type("f32", "B", 8),
        activations=ActivationFormat(),
        format=make.format("int8"),
    )
    program = build(model)
    x = torch.randn(2, 8)
    qat = program.to_qat().eval()
    top = x.abs().amax(-1, keepdim=True)
    rounded = torch.round(x * (127 / top)) * (top / 127)
    weight = next(q for _, q, _ in qat.quantizers())(qat.layer.weight)
    expected = torch.nn.functional.linear(rounded, weight, qat.layer.bias)
    torch.testing.assert_close(qat(x), expected)
