"""Finds the static ranges of a program from inputs, without training."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch

from qdsl.fx.program import Program
from qdsl.fx.ranges import freeze_ranges
from qdsl.fx.recording import Inputs, of_entries
from qdsl.fx.trained import TrainedLayers
from qdsl.recipes.schedule import Calibration, Mse


@torch.no_grad()
def calibrate(
    program: Program, inputs: Iterable[Inputs], calibration: Calibration | None = None
) -> Program:
    """Runs entries of a QAT program in evaluation mode with its observers on, then freezes these.

    Values are seen as they are with weights rounded and activations not; without a calibration the
    ranges are those of least squared rounding error (`Mse`). Raises QdslError (Q717)
    for a range that no input reaches, ValueError for a program that is no QAT program and an entry
    that there is not, TypeError for what is no calibration.
    """
    lowering = program.lowering
    if not isinstance(lowering, TrainedLayers) or not lowering.quantized:
        raise ValueError("only a QAT program in training mode's graphs is calibrated")
    if not isinstance(calibration, Calibration | None):
        raise TypeError(f"`{calibration}` is no calibration, as `Mse()` is one")
    observers = [observer for _, _, observer in program.ranges()]
    for observer in observers:
        observer.reset()
        observer.begin(calibration or Mse())
    with _unrounded(program, lowering):
        for observer in observers:
            observer.train()
        for entry, values in of_entries(program, inputs):
            program.entry(entry)(*values)
    freeze_ranges(observers)
    return program


@contextmanager
def _unrounded(program: Program, lowering: TrainedLayers) -> Iterator[None]:
    """In evaluation mode, with activations as they are."""
    training = program.training
    program.eval()
    program.relower(replace(lowering, rounds=False))
    try:
        yield
    finally:
        program.relower(lowering)
        program.train(training)
