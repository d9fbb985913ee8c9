"""Captures an entry as CUDA graphs, one for each number of examples: a call is one launch.

A call's examples are copied behind the first place of static inputs as long as its bucket, the
graph of the bucket is replayed, and what belongs to the examples is copied out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from qdsl.diagnostic.model import QdslError, error
from qdsl.fx.program import Program
from qdsl.fx.recording import as_tuple
from qdsl.ir.model import Entry, TensorType
from qdsl.ir.shape import dim as dim_of

Given = Tensor | None
Results = tuple[Tensor, ...]
Run = Callable[[], Results]


class Recorder(Protocol):
    """Records what a call does on the device: gives what does it again, and its results."""

    def __call__(self, run: Run) -> tuple[Callable[[], object], Results]: ...


class CudaGraphs:
    """Records by `torch.cuda.CUDAGraph` on a device; all graphs share their memory."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.pool = torch.cuda.graph_pool_handle()

    def __call__(self, run: Run) -> tuple[Callable[[], object], Results]:
        # streams are those of the current device: a graph of another one would hold nothing
        with torch.cuda.device(self.device):
            return self._recorded(run)

    def _recorded(self, run: Run) -> tuple[Callable[[], object], Results]:
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(2):  # what is compiled, read and allocated once
                run()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self.pool):
            results = run()
        return graph.replay, results


@dataclass(frozen=True, slots=True)
class Bucket:
    """A graph of so many examples, with the tensors that it reads and writes."""

    examples: int
    inputs: tuple[Given, ...]
    results: Results
    replay: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Captured:
    """An entry that was captured. Called with more examples than any bucket holds, or with tensors
    of other sizes or dtypes, it runs the entry as it is.

    inputs, results: the axis of the examples in each; None where an input has none.
    """

    run: Callable[..., Any]
    inputs: tuple[int | None, ...]
    results: tuple[int, ...]
    buckets: tuple[Bucket, ...]
    """From the smallest on."""

    def __call__(self, *given: Given) -> Any:
        found = self.bucket(given)
        if found is None:
            with torch.no_grad():
                return self.run(*given)
        bucket, count = found
        for axis, static, value in zip(self.inputs, bucket.inputs, given, strict=True):
            if static is not None and value is not None:
                (static if axis is None else static.narrow(axis, 0, count)).copy_(value)
        bucket.replay()
        pairs = zip(self.results, bucket.results, strict=True)
        results = tuple(result.narrow(axis, 0, count).clone() for axis, result in pairs)
        return results[0] if len(results) == 1 else results

    def bucket(self, given: Sequence[Given]) -> tuple[Bucket, int] | None:
        """The smallest that holds these inputs, and their number of examples."""
        if len(given) != len(self.inputs):
            return None
        counts = {
            value.shape[axis]
            for axis, value in zip(self.inputs, given, strict=True)
            if axis is not None and value is not None and value.dim() > axis
        }
        if len(counts) != 1 or not (count := counts.pop()):
            return None
        bucket = next((b for b in self.buckets if count <= b.examples), None)
        if bucket is None or not self._fits(bucket, count, given):
            return None
        return bucket, count

    def _fits(self, bucket: Bucket, count: int, given: Sequence[Given]) -> bool:
        return all(
            value is static
            if value is None or static is None
            else value.dtype is static.dtype
            and value.shape == (static if axis is None else static.narrow(axis, 0, count)).shape
            for axis, static, value in zip(self.inputs, bucket.inputs, given, strict=True)
        )


def capture(
    program: Program,
    buckets: Sequence[int],
    examples: Sequence[Given],
    *,
    entry: str = "forward",
    dim: str = "B",
    recorder: Recorder | None = None,
) -> Captured:
    """See `Program.capture`; a recorder is what tests give."""
    found = next((e for e in program.ir.entries if e.name == entry), None)
    if found is None:
        names = ", ".join(f"`{e.name}`" for e in program.ir.entries)
        raise _refused(f"there is no entry `{entry}`", f"the model has {names}")
    if any(program.quantizers()):
        message = "weights are rounded as they are read, and a graph would keep the rounded ones"
        raise _refused(message, "pack the program, and capture what `qdsl.load` makes of the file")
    inputs, results = _axes(found, examples, dim)
    if not buckets or min(buckets) < 1:
        raise _refused(f"buckets of `{dim}` are numbers from 1 on")
    run = program.eval().entry(entry)
    recorder = recorder or _on_gpu(program)
    made = []
    with torch.no_grad():
        # the largest first: the others find room in its memory
        for count in sorted({*buckets}, reverse=True):
            static = tuple(_repeated(x, a, count) for x, a in zip(examples, inputs, strict=True))
            if count > 1:
                _check_apart(run, static, inputs, results, dim)
            replay, tensors = recorder(lambda given=static: as_tuple(run(*given)))  # type: ignore[misc]
            made.append(Bucket(count, static, tensors, replay))
    return Captured(run, inputs, results, tuple(reversed(made)))


def _on_gpu(program: Program) -> Recorder:
    if program.device.type == "cuda":
        return CudaGraphs(program.device)
    message = f"a program on `{program.device.type}` cannot be captured: CUDA graphs are of GPUs"
    help = 'load it with a back end for GPUs and move it: `program.to("cuda")`'
    raise QdslError([error("Q760", message, help=help)])


def _axes(
    entry: Entry, examples: Sequence[Given], dim: str
) -> tuple[tuple[int | None, ...], tuple[int, ...]]:
    """Where inputs and results have the dim."""
    if len(examples) != len(entry.inputs):
        wanted = ", ".join(i.name for i in entry.inputs)
        raise _refused(f"`{entry.name}` takes {wanted}: not {len(examples)} examples")
    inputs = tuple(_axis(i.type, dim) for i in entry.inputs)
    if all(axis is None or x is None for axis, x in zip(inputs, examples, strict=True)):
        raise _refused(f"no input of `{entry.name}` has the dim `{dim}`", "name another: `dim=`")
    results = []
    for number, type in enumerate(entry.results):
        if (axis := _axis(type, dim)) is None:
            message = f"result {number} of `{entry.name}`, {type}, has no dim `{dim}`"
            raise _refused(message, "what belongs to an example cannot be told from the rest")
        results.append(axis)
    return inputs, tuple(results)


def _axis(type: TensorType, dim: str) -> int | None:
    wanted = dim_of(dim)
    return next((i for i, d in enumerate(type.shape) if d == wanted), None)


def _repeated(example: Given, axis: int | None, count: int) -> Given:
    """The examples, again and again, until there are so many; a tensor of its own."""
    if example is None or axis is None:
        return None if example is None else example.clone()
    which = torch.arange(count, device=example.device) % example.shape[axis]
    return example.index_select(axis, which)


def _check_apart(
    run: Callable[..., Any],
    given: Sequence[Given],
    inputs: Sequence[int | None],
    results: Sequence[int],
    dim: str,
) -> None:
    """Examples may not depend on each other: those that are padding would count."""
    before = [r.clone() for r in as_tuple(run(*given))]
    changed = tuple(
        x if x is None or axis is None or not x.is_floating_point() else _last_changed(x, axis)
        for x, axis in zip(given, inputs, strict=True)
    )
    for one, other, axis in zip(before, as_tuple(run(*changed)), results, strict=True):
        kept = one.shape[axis] - 1
        one, other = (r.narrow(axis, 0, kept).float() for r in (one, other))
        if not torch.allclose(one, other, rtol=1e-3, atol=1e-5, equal_nan=True):
            raise _refused(f"examples of `{dim}` depend on each other, and padding would count")


def _last_changed(x: Tensor, axis: int) -> Tensor:
    changed = x.clone()
    last = changed.narrow(axis, x.shape[axis] - 1, 1)
    last.copy_(last * 3 + 1)
    return changed


def _refused(message: str, help: str | None = None) -> QdslError:
    return QdslError([error("Q761", message, help=help)])
