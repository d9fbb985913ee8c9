"""Trains and runs models in torch: build, quantize, pack, load, verify."""

from qdsl.fx.build import build
from qdsl.fx.initialise import initialise
from qdsl.fx.packed import load
from qdsl.fx.program import Program
from qdsl.fx.qat import decay_pruned, set_rounding
from qdsl.fx.report import Report
from qdsl.fx.schedule import Schedule
from qdsl.fx.verify import verify

__all__ = [
    "Program",
    "Report",
    "Schedule",
    "build",
    "decay_pruned",
    "initialise",
    "load",
    "set_rounding",
    "verify",
]
