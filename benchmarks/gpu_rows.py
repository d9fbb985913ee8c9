"""Lists what `gpu.py` checks, tunes and times, and what is aimed at."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peers.problem import Network, Product, Training

HERE = Path(__file__).resolve().parent

Shape = tuple[int, int]  # outputs, inputs
SHAPES: tuple[Shape, ...] = (
    *((8192, 8192), (4096, 4096), (14336, 4096)),
    *((512, 512), (2048, 512), (512, 2048), (1024, 512)),  # of a Conformer with d = 512
)
KINDS = (  # format, group (0: one scale per output), activations
    *(("int4", 128, "bf16"), ("int4", 128, "int8_token")),
    *(("int8", 0, "bf16"), ("int8", 0, "int8_token")),
    *(("int2", 128, "bf16"), ("binary", 128, "bf16")),
)
ROWS = (1, 4, 16, 64, 256, 1024)
SPARSE = ("int4_2:4", 128, "bf16"), ("int4_2:4", 128, "int8_token")
SPARSE_SHAPES, SPARSE_ROWS = SHAPES[:3], (1, 16)  # beside the same weights dense

CHECKED = (
    *(("int8", 0), ("int4", 128), ("int4", 32), ("int3", 128), ("int2", 64)),
    *(("ternary", 128), ("binary", 128), ("nf4", 64), ("int4_2:4", 128)),
)
CHECKED_SHAPE: Shape = (320, 1280)
CHECKED_ROWS = (1, 3, 20, 70, 1030)

GOALS = {8: 0.75, 4: 0.65, 2: 0.50, 1: 0.35}
"""Of a copy's bandwidth at M = 1 with bf16 activations, 8192² and larger."""

NETWORKS = (
    Network(str(HERE / "encoder.qspec"), "float", ("int4_bf16", "int4", "int8"), (("T", 1000),)),
    Network(
        str(HERE.parent / "specs" / "usm_2b.qspec"),
        "usm_2b_float",
        ("usm_2b_int4_24", "usm_2b_binary"),
        (("T", 1000),),
    ),
)
EXAMPLES = (1, 8)  # of a network

STEPS = Training(
    str(HERE / "training.qspec"),
    "float",
    ("int8", "int8_static", "int4", "int4_24", "int4_lsq", "binary"),
    (("T", 500),),
)
BATCHES = (8, 16)
STEP_GOAL = 1.15
"""Times the float step, at most."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run: everything, or dry the same in small."""

    shapes: tuple[Shape, ...] = SHAPES
    kinds: tuple[tuple[str, int, str], ...] = KINDS
    rows: tuple[int, ...] = ROWS
    sparse: tuple[tuple[str, int, str], ...] = SPARSE
    checked: tuple[tuple[str, int], ...] = CHECKED
    checked_shape: Shape = CHECKED_SHAPE
    checked_rows: tuple[int, ...] = CHECKED_ROWS
    networks: tuple[Network, ...] = NETWORKS
    examples: tuple[int, ...] = EXAMPLES
    steps: Training = STEPS
    batches: tuple[int, ...] = BATCHES
    rounds: int = 3


DRY = Plan(
    shapes=((64, 128),),
    kinds=(("int4", 128, "bf16"), ("int8", 0, "int8_token")),
    rows=(1, 4),
    sparse=(),
    checked=(("int4", 128), ("nf4", 64)),
    checked_shape=(64, 128),
    checked_rows=(1, 3),
    networks=(Network(str(HERE / "encoder.qspec"), "tiny", ("tiny_int8",), (("T", 4),)),),
    examples=(1,),
    steps=Training(STEPS.spec, "tiny", ("tiny_int4_24",), (("T", 4),)),
    batches=(2,),
    rounds=1,
)


@dataclass(frozen=True, slots=True)
class Cell:
    """A weight with its activations, and the numbers of rows that it is multiplied with."""

    problem: Product | Network
    rows: tuple[int, ...]

    def key(self, rows: int) -> str:
        """`8192x8192/int4,128/bf16/M=1`, `encoder/M=8`."""
        p = self.problem
        if isinstance(p, Network):
            return f"{Path(p.spec).stem}/M={rows}"
        return f"{product_key(p)}/M={rows}"

    def goal(self, rows: int) -> float | None:
        p = self.problem
        if not isinstance(p, Product) or rows != 1 or p.activations != "bf16" or p.is_sparse:
            return None
        return GOALS[p.bits] if p.outputs * p.inputs >= 8192 * 8192 else None

    def about(self, rows: int) -> dict[str, Any]:
        """What identifies a row in the results."""
        about: dict[str, Any] = {"key": self.key(rows), "rows": rows, "goal": self.goal(rows)}
        p = self.problem
        if isinstance(p, Network):
            return about | {"network": Path(p.spec).stem, "sizes": dict(p.sizes)}
        fields = ("outputs", "inputs", "weights", "group", "activations", "bytes")
        return about | {name: getattr(p, name) for name in fields}


def product_key(p: Product) -> str:
    group = f",{p.group}" if p.group else ""
    return f"{p.outputs}x{p.inputs}/{p.weights}{group}/{p.activations}"


def checks(plan: Plan) -> Iterator[Product]:
    """Every format with every kind of activations that it is multiplied with."""
    for weights, group in plan.checked:
        for activations in ("f32", "bf16", "int8_token"):
            if weights != "nf4" or activations != "int8_token":
                yield Product(*plan.checked_shape, weights, group, activations, False)


def cells(plan: Plan) -> Iterator[Cell]:
    """Products, large ones first; then networks."""
    for shape in plan.shapes:
        for kind in plan.kinds:
            yield Cell(Product(*shape, *kind, True), plan.rows)
    for shape in SPARSE_SHAPES:
        for kind in plan.sparse:
            yield Cell(Product(*shape, *kind, True), SPARSE_ROWS)
    for network in plan.networks:
        yield Cell(network, plan.examples)
