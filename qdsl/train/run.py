"""Runs a recipe: its stages in order, resumed where a run before was broken off."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from qdsl.diagnostic.model import QdslError, error
from qdsl.fx.program import Program
from qdsl.fx.qat import set_rounding
from qdsl.fx.spread import whole
from qdsl.recipes import teacher
from qdsl.recipes.loss import Loss
from qdsl.recipes.model import Recipe, Stage
from qdsl.train import checkpoint, shards
from qdsl.train.curve import Curve, Point
from qdsl.train.guide import Guide, Kept, check_match
from qdsl.train.looking import beginners, looking, observers
from qdsl.train.objective import Objective, moved
from qdsl.train.position import Position
from qdsl.train.replicas import Replicas
from qdsl.train.stages import enter, is_quantized, leave, rounding_of
from qdsl.train.steps import MODEL, Steps, model_tensors, part, seed_step, seeded
from qdsl.train.task import Share, Task

OpenTask = Callable[[Stage, Share], Task[Any, Any]]
Watch = Callable[[Stage, int, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What is trained, by which recipe, on what; and where that is kept.

    program: makes the float program that the first stage starts from, the same one each time.
    task: opens the task for a stage. loss: of stages that name none. variant: gives a trained
    variant, the teacher of a stage. seed: of batches and random numbers, together with the stages'
    own. folder: where the run keeps its checkpoint. identity: what is
    trained on what, so that a checkpoint of another training is not gone on from. watch: is told of
    each step, counted from 1, with its loss.
    """

    recipe: Recipe
    program: Callable[[], Program]
    task: OpenTask
    loss: Loss
    folder: Path
    identity: str = ""
    seed: int = 0
    variant: Callable[[str], Program] | None = None
    replicas: Replicas = field(default_factory=Replicas)
    save_every: int = 200
    watch: Watch = field(default=lambda stage, step, loss: None)

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoint"

    @property
    def curve(self) -> Path:
        return self.folder / "losses.jsonl"


def train(run: Run) -> Program:
    """Trains what is left of the run; the program, quantized, in evaluation mode, not yet frozen.

    An interrupted run that is started again gives the losses of an unbroken one: batches and random
    numbers depend on seeds and steps alone. Raises QdslError: Q715 for a damaged checkpoint, Q716
    when a loss is not finite, Q740 where the folder is another training's, Q741 for a teacher that
    is missing, Q742 for one that does not fit; OSError where the folder cannot be written.
    """
    return _Runner(run).run()


class _Runner:
    """A run under way."""

    def __init__(self, run: Run) -> None:
        self.job, self.replicas = run, run.replicas
        stages = enumerate(run.recipe.stages)
        self.stages = tuple(seeded(stage, run.seed, number) for number, stage in stages)
        self.position = _begin(run)
        self.curve = Curve(run.curve)

    def run(self) -> Program:
        position, tensors = self.position, dict[str, Tensor]()
        program = self.job.program()
        for stage in self.stages:  # what is wrong with one is told before the first is trained
            if stage.distill is not None:
                check_match(program.ir, stage.distill, "the model")
        if position.steps or position.stage:
            tensors = checkpoint.load_state(self.job.checkpoints)
            last = self.stages[position.stage - (position.step == 0)]
            program = self._program(part(tensors, MODEL), position.quantized, last)
        self.replicas.wait()  # until all have read what the first may soon replace
        if self.replicas.first:
            self.curve.begin(position.steps)
        with closing(self.curve):
            for number in range(position.stage, len(self.stages)):
                program = self._stage(program, number, tensors)
                tensors = {}
        return leave(program.to(self.replicas.device))

    def _stage(self, program: Program, number: int, tensors: dict[str, Tensor]) -> Program:
        """The program at the end of the stage; `tensors` are the state in the middle of it."""
        stage, begun = self.stages[number], self.position.step > 0
        program = enter(program, stage, self.stages[:number]).to(self.replicas.device)
        if begun:  # beginning a stage has set counters back
            program.load_state_dict(part(tensors, MODEL))
        self.position = replace(self.position, stage=number, quantized=is_quantized(program))
        loss = stage.loss or self.job.loss
        if stage.calibrate is None:
            program = self._train(program, stage, loss, tensors if begun else {})
        else:
            self._calibrate(program, stage, loss)
        self._end(program, stage)
        return program

    def _train(
        self, program: Program, stage: Stage, loss: Loss, tensors: dict[str, Tensor]
    ) -> Program:
        self._begin_learning(program, stage, loss)
        task = self.job.task(stage, self.replicas.share)
        objective = Objective(program.train(), task, stage, loss, self._guide(stage))
        steps = Steps(objective, stage, self.replicas)
        if tensors:
            steps.load(tensors)
        for number, batch in self._batches(task, stage):
            self._log(stage, *steps.run(batch, number))
            if self.position.step % self.job.save_every == 0 and number + 1 < stage.steps:
                self._save(steps.tensors(), sharded=self.replicas.sharded)
        steps.end()
        if not self.replicas.sharded:
            return program
        return self._program(whole(program.state_dict()), is_quantized(program), stage)

    def _calibrate(self, program: Program, stage: Stage, loss: Loss) -> None:
        """Every process sees whole batches, so that what they find is the same."""
        task = self.job.task(stage, Share())
        objective = Objective(program, task, stage, loss, None)
        for number, batch in self._batches(task, stage):
            seed_step(stage, number, self.replicas)
            with looking(program, observers(program)):
                found = objective(moved(batch, self.replicas.device))
            self._log(stage, float(found), 0.0)
        for observer in observers(program):
            observer.begin(None)

    def _begin_learning(self, program: Program, stage: Stage, loss: Loss) -> None:
        """Sets learned ranges before they are spread: what a forward writes there is lost."""
        if not (found := beginners(program)):
            return
        task = self.job.task(stage, Share())
        objective = Objective(program, task, stage, loss, None)
        with looking(program, found):
            objective(moved(next(task.batches(self.position.step)), self.replicas.device))

    def _batches(self, task: Task[Any, Any], stage: Stage) -> Iterator[tuple[int, Any]]:
        """What is left of the stage: steps, counted from 0, with their batches."""
        start = self.position.step
        yield from zip(range(start, stage.steps), task.batches(start), strict=False)

    def _log(self, stage: Stage, loss: float, rate: float) -> None:
        self.position = replace(
            self.position, step=self.position.step + 1, steps=self.position.steps + 1
        )
        if self.replicas.first:
            self.curve.add(Point(stage.name, self.position.step, loss, rate))
            self.job.watch(stage, self.position.step, loss)

    # ---- teachers ------------------------------------------------------------------------------

    def _guide(self, stage: Stage) -> Guide | None:
        match stage.distill:
            case None:
                return None
            case teacher.Stage(name):
                found = self._stage_program(name)
            case teacher.Variant(name):
                assert self.job.variant is not None, "a recipe with a variant as teacher"
                found = self.job.variant(name)
        return Guide(found.to(self.replicas.device), stage.distill)

    def _stage_program(self, name: str) -> Program:
        """The program as it was at the end of a stage."""
        number = next(i for i, s in enumerate(self.stages) if s.name == name)
        kept = Kept(self.job.checkpoints, name)
        tensors, quantized = kept.load()
        stage = self.stages[number]
        program = enter(self._program(tensors, quantized, stage), stage)
        program.load_state_dict(tensors)
        return program

    def _is_teacher(self, stage: Stage) -> bool:
        said = (s.distill for s in self.stages)
        return any(isinstance(t, teacher.Stage) and t.name == stage.name for t in said)

    # ---- state ---------------------------------------------------------------------------------

    def _program(self, state: dict[str, Tensor], quantized: bool, last: Stage) -> Program:
        """The program of a state; `last` is the stage that has left it so."""
        program = self.job.program()
        if quantized:
            program = program.to_qat()
            # scales are learned anew when rounding begins
            set_rounding(program, rounding_of(last))
        program.load_state_dict(state)
        return program.to(self.replicas.device)

    def _end(self, program: Program, stage: Stage) -> None:
        if self._is_teacher(stage) and self.replicas.first:
            kept = Kept(self.job.checkpoints, stage.name)
            kept.save(program.state_dict(), is_quantized(program))
        self.position = replace(self.position, stage=self.position.stage + 1, step=0)
        self._save(model_tensors(program), sharded=False)

    def _save(self, tensors: dict[str, Tensor], *, sharded: bool) -> None:
        if self.replicas.first:
            self.curve.flush()
        if sharded:
            shards.save(self.job.checkpoints, self.position, tensors)
        elif self.replicas.first:
            checkpoint.save_state(self.job.checkpoints, self.position, tensors)
        self.replicas.wait()


def _begin(run: Run) -> Position:
    """Where the run stands; raises QdslError (Q740) where the folder is another training's."""
    found = checkpoint.find(run.checkpoints)
    if found is None:
        return Position(run.identity)
    if found.identity != run.identity:
        what = "the model, recipe, data, `--task` or `--seed` differs"
        message = f"`{run.checkpoints}` is of another training: {what}"
        help = "`--anew` discards it, `--out` names another folder"
        raise QdslError([error("Q740", message, help=help)])
    return found
