"""Sets a program up for a stage of a recipe: quantizers, ranges, statistics, schedules."""

from collections.abc import Sequence
from dataclasses import replace

from qdsl.fx.program import Program
from qdsl.fx.qat import set_rounding
from qdsl.fx.quantizer import Rounding
from qdsl.fx.schedule import Schedule
from qdsl.fx.trained import TrainedLayers
from qdsl.recipes.model import Stage
from qdsl.recipes.schedule import Ema, EveryStep, Mask


def enter(program: Program, stage: Stage, earlier: Sequence[Stage] = ()) -> Program:
    """The program as the stage trains it; `earlier` are the stages before it.

    A float one becomes a QAT program, a new one, where the stage needs quantizers or masks; what a
    stage has begun stays so until the next. Raises QdslError as `to_qat` does.
    """
    if needs_quantizers(stage) and not is_quantized(program):
        program = program.to_qat()
    follows = "statistics" not in stage.freeze
    _relower(program, rounds=stage.quantizes, follows=follows)
    if is_quantized(program):
        _begin_quantizers(program, stage, earlier)
        _begin_ranges(program, stage, earlier)
    return program


def leave(program: Program) -> Program:
    """The program as it is evaluated and packed: a QAT program that rounds everything."""
    program = program if is_quantized(program) else program.to_qat()
    _relower(program, rounds=True, follows=True)
    set_rounding(program, "round")
    return program.eval()


def is_quantized(program: Program) -> bool:
    return isinstance(program.lowering, TrainedLayers) and program.lowering.quantized


def needs_quantizers(stage: Stage) -> bool:
    noisy = stage.noise != "none"
    return stage.quantizes or noisy or stage.mask is not None or stage.calibrate is not None


def rounding_of(stage: Stage) -> Rounding:
    """What quantizers do to weights in the stage."""
    if stage.noise != "none":
        return stage.noise
    return "round" if stage.quantizes else "none"


def _relower(program: Program, *, rounds: bool, follows: bool) -> None:
    """Makes the graphs anew where they are to round or to follow otherwise."""
    lowering = program.lowering
    assert isinstance(lowering, TrainedLayers)
    wanted = replace(lowering, rounds=rounds, follows=follows)
    if wanted != lowering:
        program.relower(wanted)


def _begin_quantizers(program: Program, stage: Stage, earlier: Sequence[Stage]) -> None:
    mask = _mask(stage, earlier)
    program.begin(Schedule(mask, score=stage.score, clip_every=stage.clip_every))
    set_rounding(program, rounding_of(stage))


def _mask(stage: Stage, earlier: Sequence[Stage]) -> Mask | None:
    """When masks are chosen; never where an earlier stage has chosen them and this one does not."""
    if "masks" in stage.freeze:
        return None
    chosen = any(s.mask is not None for s in earlier)
    return stage.mask or (None if chosen else EveryStep())


def _begin_ranges(program: Program, stage: Stage, earlier: Sequence[Stage]) -> None:
    """Ranges follow what a stage sees unless it freezes them, or an earlier one calibrated them.

    Learned scales are trained on in the range that was calibrated.
    """
    calibrated = stage.calibrate is None and any(s.calibrate is not None for s in earlier)
    for _, _, observer in program.ranges():
        stands = "ranges" in stage.freeze or (calibrated and not observer.learned)
        observer.begin(None if stands else stage.calibrate or Ema())
