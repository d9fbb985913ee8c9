"""Holds a model as a torch module: parameters once, in a tree, and one graph per entry over it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from itertools import chain
from pathlib import Path
from types import MethodType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, fx, nn

from qdsl.diagnostic.model import QdslError, error
from qdsl.fx.emission import Finishing, Layers
from qdsl.fx.function import function_of
from qdsl.fx.lower import lower
from qdsl.fx.observer import Observer
from qdsl.fx.quantizer import QUANTIZER, Quantizer
from qdsl.fx.schedule import Schedule
from qdsl.ir.flat import Graph, graphs
from qdsl.ir.model import Model

if TYPE_CHECKING:
    from torch.nn import Parameter

    from qdsl.fx.capture import Captured
    from qdsl.fx.ptq.report import Compensation
    from qdsl.fx.recording import Inputs
    from qdsl.recipes.schedule import Calibration


class Program(nn.Module):
    """A model that runs: `program(x)` is the entry `forward`, `program.encode(x)` another one.

    Keys of the state dict are the paths of the parameters with `[i]` written `.i`; a quantizer's
    fields follow its parameter's key as `.q.<field>`, those of a static range its path and name:
    `up.input.q.scale`. `ir` is what the graphs compute, `packed_ir`
    what the QAT program and the file are made from: the same but for folded norms. `choices` are
    the formats that a lock gave, which the file names.
    """

    _functions: dict[str, Callable[..., Any]]

    def __init__(
        self,
        tree: nn.Module,
        ir: Model,
        lowering: Layers,
        *,
        packed_ir: Model | None = None,
        choices: Mapping[str, str] | None = None,
    ) -> None:
        """Takes over the children and parameters of `tree`."""
        super().__init__()
        self.ir, self.packed_ir, self.lowering = ir, packed_ir or ir, lowering
        self.choices = dict(choices or {})
        self._refuse_taken_names(tree)
        self._modules.update(tree._modules)
        self._parameters.update(tree._parameters)
        self._buffers.update(tree._buffers)
        self.register_state_dict_post_hook(_name_fields)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(_find_fields)  # type: ignore[no-untyped-call]
        self._compile()

    # ---- running -------------------------------------------------------------------------------

    def forward(self, *inputs: Any, **named: Any) -> Any:
        function = self._functions.get("forward")
        if function is None:
            entries = ", ".join(f"`program.{name}(…)`" for name in self._functions)
            raise TypeError(f"`{self.ir.name}` has no entry `forward`; it has {entries}")
        return function(self, *inputs, **named)

    def entry(self, name: str) -> Callable[..., Any]:
        """The entry of that name; raises KeyError."""
        return MethodType(self._functions[name], self)

    def __getattr__(self, name: str) -> Any:
        if name in self.__dict__.get("_functions", ()):
            return self.entry(name)
        return super().__getattr__(name)

    @property
    def device(self) -> torch.device:
        """Where the weights are; the processor, of a model without any."""
        tensors = chain(self.parameters(), self.buffers())
        return next((tensor.device for tensor in tensors), torch.device("cpu"))

    def __dir__(self) -> list[str]:
        own: list[str] = super().__dir__()  # type: ignore[no-untyped-call]
        return sorted({*own, *self._functions})

    def graph(self, entry: str) -> fx.Graph:
        """The graph of an entry; its targets are attributes of this program."""
        return self._graphs[entry]

    def graph_module(self, entry: str) -> fx.GraphModule:
        """One entry as a module that shares the parameters: for passes, export and compile."""
        module = fx.GraphModule(self, self._graphs[entry], f"{self.ir.name}_{entry}")
        return module.train(self.training)

    def relower(self, lowering: Layers) -> None:
        """Makes the graphs anew, over the same tree."""
        self.lowering = lowering
        self._compile()

    @contextmanager
    def replaced(self, functions: Mapping[str, Callable[..., Any]]) -> Iterator[None]:
        """Entries run as these functions of the program and their inputs while it is entered."""
        before = self._functions
        self._functions = {**before, **functions}
        try:
            yield
        finally:
            self._functions = before

    def capture(
        self,
        buckets: Sequence[int],
        *examples: Tensor | None,
        entry: str = "forward",
        dim: str = "B",
    ) -> "Captured":
        """The entry as CUDA graphs, one for each number of examples in `buckets`.

        `examples` are inputs as calls will give them: all sizes but that of `dim` stay theirs. What
        comes back is called like the entry: it pads to the next bucket, replays, and gives what
        belongs to the examples. Weights that change later change the results; those that are moved
        do not. Its graphs share memory: calls are made one after the other. Raises QdslError: Q760
        where the program is on no GPU, Q761 for an entry whose examples depend on each other, and
        for a program that is trained.
        """
        from qdsl.fx.capture import capture

        return capture(self, buckets, examples, entry=entry, dim=dim)

    # ---- stages --------------------------------------------------------------------------------

    def to_qat(self, schedule: Schedule | None = None) -> "Program":
        """A new program that trains the weights as they will be packed; this one stays."""
        from qdsl.fx.qat import to_qat

        return to_qat(self, schedule or Schedule())

    def begin(self, schedule: Schedule) -> None:
        """Starts a stage of this QAT program: masks and clips follow the schedule from step 1 on.

        A checkpoint is loaded after that.
        """
        from qdsl.fx.qat import begin

        begin(self, schedule)

    def freeze(self) -> "Program":
        """Fixes all codes, scales and zeros for evaluation and packing; returns this program."""
        from qdsl.fx.qat import freeze

        return freeze(self)

    def calibrate(
        self, inputs: "Iterable[Inputs]", calibration: "Calibration | None" = None
    ) -> "Program":
        """Finds the static ranges of this QAT program without training, and freezes them.

        `inputs` name an entry and what it is given, as `verify` takes them; without a calibration
        the ranges are those of least squared rounding error (`Mse`). Returns this program.
        """
        from qdsl.fx.calibrate import calibrate

        return calibrate(self, inputs, calibration)

    def compensate(self, inputs: "Iterable[Inputs]") -> "Compensation":
        """Freezes the weights of this QAT program, each making up for errors of rounding (GPTQ).

        `inputs` name an entry and what it is given, as `verify` takes them.
        """
        from qdsl.fx.ptq.run import compensate_program

        return compensate_program(self, inputs)

    def exact(self, on: bool = True) -> "Program":
        """Switches to the numbers of the packed graph and freezes; returns this program."""
        from qdsl.fx.qat import exact

        return exact(self, on)

    def pack(self, path: Path | str) -> int:
        """Freezes and writes the packed file; returns its bytes."""
        from qdsl.fx.pack import pack

        return pack(self, Path(path))

    def quantizers(self) -> "Iterator[tuple[str, Quantizer, Parameter]]":
        """Each quantizer with its parameter and the key of that."""
        for name, module in self.named_modules():
            if isinstance(module, Quantizer):
                key = name.removesuffix(QUANTIZER)
                yield key, module, self.get_parameter(key)

    def ranges(self) -> "Iterator[tuple[str, str, Observer]]":
        """Each observer of a static range: path and name of the range, itself."""
        for module in self.modules():
            if isinstance(module, Observer):
                yield module.range.path, module.range.name, module

    # ---- copies --------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        # functions cannot be copied and graphs need not be: both follow from the model
        return {k: v for k, v in self.__dict__.items() if k not in ("_graphs", "_functions")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self._compile()

    def __deepcopy__(self, memo: dict[int, Any]) -> "Program":
        # values never change, and a model's mappings need not support copying
        for value in (self.ir, self.packed_ir, self.lowering):
            memo[id(value)] = value
        copy = type(self).__new__(type(self))
        memo[id(self)] = copy
        copy.__setstate__(deepcopy(self.__getstate__(), memo))
        return copy

    # ---- construction --------------------------------------------------------------------------

    def _compile(self) -> None:
        self._graphs = {g.entry: self._lowered(g) for g in graphs(self.ir)}
        buffers = {name for name, _ in self.named_buffers(remove_duplicate=False)}
        self._functions = {n: function_of(g, n, buffers) for n, g in self._graphs.items()}

    def _lowered(self, graph: Graph) -> fx.Graph:
        lowered = lower(graph, self.lowering)
        if isinstance(self.lowering, Finishing):
            return self.lowering.finish(lowered, graph)
        return lowered

    def _refuse_taken_names(self, tree: nn.Module) -> None:
        names = (*tree._modules, *tree._parameters, *tree._buffers)
        if taken := [n for n in names if n in self.__dict__ or hasattr(Program, n)]:
            raise QdslError(error("Q504", f"`{n}` is an attribute of programs") for n in taken)


def _name_fields(program: nn.Module, state: dict[str, Tensor], prefix: str, metadata: Any) -> None:
    """`weight:q.clip` → `weight.q.clip`."""
    for key in [k for k in state if f"{QUANTIZER}." in k]:
        state[key.replace(":", ".")] = state.pop(key)


def _find_fields(program: nn.Module, state: dict[str, Tensor], prefix: str, *rest: Any) -> None:
    """`weight.q.clip` → `weight:q.clip`, for what has a quantizer or an observer."""
    modules = (prefix + n for n, _ in program.named_modules() if n.endswith(QUANTIZER))
    names = {name.replace(":", "."): name for name in modules}
    for key in list(state):
        above, _, field = key.rpartition(".")
        if above in names:
            state[f"{names[above]}.{field}"] = state.pop(key)
