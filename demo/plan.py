"""Says what the demo trains, how long, and where it puts what it makes."""

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path

from qdsl import load_spec
from qdsl.artifact.schema import model_to_json
from qdsl.recipes.model import Stage
from qdsl.recipes.schedule import Cosine
from qdsl.tasks.asr.augment import STANDARD
from qdsl.tasks.asr.recordings import CHECKSUM, TRAINING_SPEAKERS
from qdsl.tasks.asr.stages import FLOAT, QAT

SPEC = Path(os.path.relpath(Path(__file__).parent.parent / "specs" / "digits.qspec"))
FLOAT_VARIANT = "float"
COMPARED = ("int4", "usm_lite")  # the two that `diff` is shown for


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run does; `scale` shortens both stages, to look at the machinery quickly."""

    data: Path | None
    out: Path
    scale: float = 1.0

    @property
    def float_stage(self) -> Stage:
        return _scaled(FLOAT, self.scale)

    @property
    def fine_tune(self) -> Stage:
        """What every variant gets on top, float too, so that the comparison is fair."""
        return _scaled(QAT, self.scale)

    @property
    def base(self) -> Path:
        """Folder of the float training that every variant starts from."""
        return self.out / "checkpoints" / "base"

    def identity(self, variant: str, stage: Stage, *start: Path) -> str:
        """What is trained on what: the variant, the stage, the state it starts from, the data."""
        model = load_spec(SPEC).variants[variant].model
        said = hashlib.sha256(model_to_json(model).encode())
        said.update(repr((stage, TRAINING_SPEAKERS, CHECKSUM, STANDARD)).encode())
        for path in start:
            said.update(path.read_bytes())
        return said.hexdigest()

    def fine_tuned(self, variant: str) -> Path:
        """Folder of the fine-tuning, to go on from."""
        return self.out / "checkpoints" / variant

    def frozen(self, variant: str) -> Path:
        """Frozen state of the QAT program: what `qdsl verify` compares the packed file with."""
        return self.out / f"{variant}.safetensors"

    @property
    def inputs(self) -> Path:
        """Recorded inputs of the entries, for `qdsl verify`."""
        return self.out / "inputs.safetensors"

    def packed(self, variant: str) -> Path:
        return self.out / f"{variant}.qpack"


def _scaled(stage: Stage, scale: float) -> Stage:
    """The stage with that share of its steps, at least one that is no warm-up."""
    steps, rate = max(1, round(stage.steps * scale)), stage.lr
    assert isinstance(rate, Cosine)
    rate = replace(rate, warmup=min(rate.warmup, steps - 1))
    return replace(stage, steps=steps, lr=rate)
