"""Kills a training with SIGKILL at random steps, again and again, and goes on with it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

from qdsl.train.curve import read_curve
from qdsl.train.run import Run, train

STAGES = """
    stage float { steps = 9; ema = 0.9 }
    stage qat { steps = 11; mask = gradual(steps = 8, every = 3); lr = cosine(1e-2, warmup = 3) }
"""
MODULE = Path(__file__).parent / "conftest.py"

# one process that loads torch; each of its children trains until it is killed
PROGRAM = """
import importlib.util, json, os, signal, sys
from dataclasses import replace
from pathlib import Path
import torch, torch._dynamo
import qdsl.tasks.language.training
from qdsl.train.run import train
torch.set_num_threads(1)
module, folder, stages, kills = sys.argv[1], Path(sys.argv[2]), sys.argv[3], json.loads(sys.argv[4])
spec = importlib.util.spec_from_file_location("conftest", module)
conftest = importlib.util.module_from_spec(spec)
spec.loader.exec_module(conftest)

def child(report):
    run = conftest.run_of(folder, stages, save_every=2)
    train(replace(run, watch=lambda *_: os.write(report, b".")))

ends = []
for steps in [*kills, None]:
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            child(write)
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    seen = 0
    while steps is None or seen < steps:
        data = os.read(read, 1)
        if not data:
            break
        seen += 1
    if steps is not None:
        os.kill(pid, signal.SIGKILL)
    ends.append(os.waitpid(pid, 0)[1])
    os.close(read)
print(json.dumps(ends))
"""


def test_a_killed_training_has_the_losses_of_a_whole_one(
    make_run: Callable[..., Run], tmp_path: Path
) -> None:
    whole = make_run(STAGES, "whole")
    train(whole)
    kills = [Random(7).randint(0, 6) for _ in range(5)]
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM, MODULE, tmp_path / "killed", STAGES, json.dumps(kills)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    ends = json.loads(found.stdout)
    assert 9 in ends, "some of them were killed"
    assert ends[-1] == 0, "the last one came to the end"
    assert read_curve(tmp_path / "killed" / "losses.jsonl") == read_curve(whole.curve)
