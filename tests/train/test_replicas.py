"""Holds training on two processes to training on one, replicated and sharded, broken off or not."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from qdsl.train.curve import read_curve
from qdsl.train.run import Run, train

# dropout draws other numbers on each process
STAGES = """
    stage float { steps = 3; ema = 0.9 }
    stage sparse { steps = 3; mask = every_step; decay = 1e-2; lr = 1e-3 }
    stage qat {
        steps = 4
        lr = 1e-3
        score = activation
        mask = few_shot(shots = 2, every = 2)
        distill = stage(float, match = [down])
    }
"""
# both with a scale that is trained, and so spread where weights are
FORMATS = {
    "up": "int4(group = 4, clip = learned) sparse 2:4",
    "activations": "uint8(static, clip = learned)",
}
MODULE = Path(__file__).parent / "conftest.py"

# one process that loads torch; its children, two at a time, train each of the cases
PROGRAM = """
import importlib.util, json, os, sys, traceback
from pathlib import Path
from dataclasses import replace
import torch, torch._dynamo, torch.distributed.fsdp, torch.distributed.checkpoint
from safetensors.torch import save_file
import qdsl.tasks.language.training
from qdsl.train.replicas import replicas
from qdsl.train.run import train
torch.set_num_threads(1)
module, folder, stages, cases = sys.argv[1], Path(sys.argv[2]), sys.argv[3], json.loads(sys.argv[4])
spec = importlib.util.spec_from_file_location("conftest", module)
conftest = importlib.util.module_from_spec(spec)
spec.loader.exec_module(conftest)

class Stopped(Exception):
    pass

def child(name, rank, count, sharded, after):
    def watch(stage, step, loss):
        child.told += 1
        if child.told == after:
            raise Stopped
    child.told = 0
    os.environ.update(RANK=str(rank), WORLD_SIZE=str(count), MASTER_ADDR="127.0.0.1")
    with replicas(torch.device("cpu"), sharded=sharded) as group:
        more = {"replicas": group, "save_every": 2, "watch": watch, **json.loads(sys.argv[6])}
        run = conftest.run_of(folder / name, stages, 0.0, **more)
        state = train(run).freeze().state_dict()
        save_file({k: v.contiguous() for k, v in state.items()}, folder / f"{name}-{rank}.state")

for number, (name, count, sharded, after) in enumerate(cases):
    os.environ["MASTER_PORT"] = str(int(sys.argv[5]) + number)
    children = []
    for rank in range(count):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                child(name, rank, count, sharded, after)
                status = 0
            except Stopped:
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(status)
        children.append(pid)
    ended = os.wait()
    if after:  # the others wait for one that is gone
        for pid in children:
            if pid != ended[0]:
                os.kill(pid, 9)
                os.waitpid(pid, 0)
        continue
    assert ended[1] == 0, name
    for pid in children:
        if pid != ended[0]:
            assert os.waitpid(pid, 0)[1] == 0, name
"""
CASES = [
    ("replicated", 2, False, 0),
    ("sharded", 2, True, 0),
    # two processes with shards, one, two again
    ("changing", 2, True, 5),
    ("changing", 1, False, 8),
    ("changing", 2, True, 0),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where each case has left its losses and, for each process, its state."""
    folder = tmp_path_factory.mktemp("replicas")
    arguments = [MODULE, folder, STAGES, json.dumps(CASES), "29650", json.dumps(FORMATS)]
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    return folder


@pytest.mark.parametrize("name", ["replicated", "sharded", "changing"])
def test_many_processes_train_as_one(make_run: Callable[..., Run], folder: Path, name: str) -> None:
    whole = make_run(STAGES, dropout=0.0, **FORMATS)
    expected = train(whole).freeze().state_dict()
    a, b = (read_curve(path) for path in (whole.curve, folder / name / "losses.jsonl"))
    assert [(p.stage, p.step) for p in a] == [(p.stage, p.step) for p in b]
    assert [p.loss for p in b] == pytest.approx([p.loss for p in a], rel=1e-5)
    state = load_file(folder / f"{name}-0.state")
    assert state.keys() == expected.keys()
    for key, value in expected.items():
        if value.dtype.is_floating_point:
            torch.testing.assert_close(state[key], value, rtol=1e-3, atol=1e-5)
        else:
            assert torch.equal(state[key], value), key


@pytest.mark.parametrize("name", ["replicated", "sharded", "changing"])
def test_every_process_has_the_same_masks_and_scales(folder: Path, name: str) -> None:
    one, other = (load_file(folder / f"{name}-{rank}.state") for rank in range(2))
    assert one.keys() == other.keys()
    for key, value in one.items():
        assert torch.equal(other[key], value), key
