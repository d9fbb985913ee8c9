"""Gives a small language model, some text, and runs of recipes over them."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch

from qdsl.cli.trainable import open_trainable
from qdsl.replacing import replacing
from qdsl.spec import load_spec
from qdsl.train.run import Run

ROOT = Path(__file__).parents[2]
MODEL = """qspec 1

model Toy(d: int = 8) {{
    embedding = Embedding(256, d)
    up = Linear(d -> 16, bias = false)  # a norm takes it away
    norm = BatchNorm(16)
    drop = Dropout({dropout})
    down = Linear(16 -> d)
    output = Linear(d -> 256)
    spare = Linear(d -> 4)

    entry score(ids: i64[B, T]) {{
        x = embedding(ids) |> up |> norm |> relu |> drop |> down
        return output(x)
    }}

    ## What no task asks for.
    entry other(x: f32[B, d]) {{ return spare(x) }}
}}

policy four for Toy {{
    default {{ weights = f32 }}
    up {{ weights = {up} }}
    down {{ weights = int8; activations = {activations} }}
}}

recipe short {{
    task = language(loss = ce, context = 8)
    batch = 4
    lr = 1e-2
    {stages}
}}

variant low {{
    model = Toy()
    policy = four
    recipe = short
}}
"""

UP, ACTIVATIONS = "int4(group = 4, clip = search) sparse 2:4", "int8(static)"
MakeRun = Callable[..., Run]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def run_of(
    folder: Path,
    stages: str,
    dropout: float = 0.1,
    up: str = UP,
    activations: str = ACTIVATIONS,
    **given: object,
) -> Run:
    """The run of a recipe of these stages, kept in the folder; its spec stands beside it.

    `up` is the format of a layer's weights, `activations` that of another's inputs.
    """
    text = MODEL.format(stages=stages, dropout=dropout, up=up, activations=activations)
    spec = folder.with_suffix(".qspec")
    with replacing(spec) as file:  # another process may read it
        file.write(text.encode())
    variant = load_spec(spec).variants["low"]
    trainable = open_trainable(variant, ROOT / "docs" / "language", [])
    values: dict[str, object] = {
        "recipe": trainable.recipe,
        "program": partial(variant.program, 0),
        "task": trainable.open,
        "loss": trainable.task.loss,
        "folder": folder,
        "save_every": 3,
        **given,
    }
    return Run(**values)  # type: ignore[arg-type]


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """`make_run(stages)`: as `run_of`, in `tmp_path / "run"`."""

    def make(stages: str, folder: str = "run", dropout: float = 0.1, **given: object) -> Run:
        return run_of(tmp_path / folder, stages, dropout, **given)

    return make
