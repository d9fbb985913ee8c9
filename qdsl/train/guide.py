"""Holds teachers: programs that a stage is trained to follow."""

from pathlib import Path

from torch import Tensor

from qdsl.diagnostic.model import QdslError, error
from qdsl.diagnostic.suggest import suggestion
from qdsl.fx.intermediate import Intermediate, has_value
from qdsl.fx.program import Program
from qdsl.ir.flat import graphs
from qdsl.ir.model import Model
from qdsl.recipes.teacher import Teacher
from qdsl.train.checkpoint import read_metadata, read_tensors, write_tensors


def check_match(model: Model, said: Teacher, whose: str) -> None:
    """Raises QdslError (Q742) where the model has no value at a path of `match`."""
    missing = [path for path in said.match if not has_value(model, path)]
    if missing:
        message = f"{whose} computes no value `{missing[0]}`, which `match` names"
        known = {flat.path for graph in graphs(model) for flat in graph.nodes}
        raise QdslError([error("Q742", message, help=suggestion(missing[0], known))])


class Guide:
    """A teacher at work: its program, not trained, in evaluation mode, and how it is followed.

    Raises QdslError (Q742) as `check_match` does.
    """

    def __init__(self, program: Program, said: Teacher) -> None:
        check_match(program.ir, said, "the teacher")
        self.program, self.said = program.eval().requires_grad_(False), said
        self.values = Intermediate(program, said.match)


class Kept:
    """The state at the end of a stage, kept for the stages that it teaches."""

    def __init__(self, folder: Path, stage: str) -> None:
        self.path = folder / f"stage-{stage}.safetensors"

    def save(self, state: dict[str, Tensor], quantized: bool) -> None:
        """Raises OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_tensors(self.path, state, {"quantized": str(quantized)})

    def load(self) -> tuple[dict[str, Tensor], bool]:
        """Raises QdslError (Q715)."""
        return read_tensors(self.path), read_metadata(self.path).get("quantized") == "True"
