"""Defines where a run stands, as its checkpoints have it."""

import json

from qdsl.record import record


@record
class Position:
    """`step` steps of stage number `stage` are done; `steps` of all stages together.

    `identity` says what is trained how; `quantized` whether the state is a QAT program's.
    """

    identity: str
    stage: int = 0
    step: int = 0
    steps: int = 0
    quantized: bool = False

    def to_json(self) -> str:
        names = ("identity", "stage", "step", "steps", "quantized")
        return json.dumps({name: getattr(self, name) for name in names})


def from_json(text: str) -> Position:
    """Raises ValueError where the text is no position."""
    try:
        return Position(**json.loads(text))
    except TypeError as failure:
        raise ValueError(str(failure)) from None
