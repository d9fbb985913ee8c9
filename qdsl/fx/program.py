"""Holds a model as a torch module: parameters once, in a tree, and one graph per entry over it."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from types import MethodType
from typing import TYPE_CHECKING, Any

from torch import Tensor, fx, nn

from qdsl.diagnostic.model import QdslError, error
from qdsl.fx.emission import Layers
from qdsl.fx.lower import lower
from qdsl.fx.quantizer import QUANTIZER, Quantizer, Schedule
from qdsl.ir.flat import graphs
from qdsl.ir.model import Model

if TYPE_CHECKING:
    from torch.nn import Parameter


class Program(nn.Module):
    """A model that runs: `program(x)` is the entry `forward`, `program.encode(x)` another one.

    Keys of the state dict are the paths of the parameters with `[i]` written `.i`; a quantizer's
    fields follow its parameter's key as `.q.<field>`. `ir` is what the graphs compute, `packed_ir`
    what the QAT program and the file are made from: the same but for folded norms.
    """

    def __init__(
        self, tree: nn.Module, ir: Model, lowering: Layers, *, packed_ir: Model | None = None
    ) -> None:
        """Takes over the children and parameters of `tree`."""
        super().__init__()
        self.ir, self.packed_ir, self.lowering = ir, packed_ir or ir, lowering
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

    # ---- stages --------------------------------------------------------------------------------

    def to_qat(self, schedule: Schedule | None = None) -> "Program":
        """A new program that trains the weights as they will be packed; this one stays."""
        from qdsl.fx.qat import to_qat

        return to_qat(self, schedule or Schedule())

    def freeze(self) -> "Program":
        """Fixes all codes, scales and zeros for evaluation and packing; returns this program."""
        from qdsl.fx.qat import freeze

        return freeze(self)

    def exact(self, on: bool = True) -> "Program":
        """Switches to the numbers of the packed graph and freezes; returns this program."""
        from qdsl.fx.qat import exact

        return exact(self, on)

    def pack(self, path: Path | str, *, certificate: str = "") -> int:
        """Freezes and writes the packed file; returns its bytes."""
        from qdsl.fx.pack import pack

        return pack(self, Path(path), certificate=certificate)

    def quantizers(self) -> "Iterator[tuple[str, Quantizer, Parameter]]":
        """Each quantizer with its parameter and the key of that."""
        for name, module in self.named_modules():
            if isinstance(module, Quantizer):
                key = name.removesuffix(QUANTIZER)
                yield key, module, self.get_parameter(key)

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
        self._graphs = {g.entry: lower(g, self.lowering) for g in graphs(self.ir)}
        self._functions = {name: function_of(g, name) for name, g in self._graphs.items()}

    def _refuse_taken_names(self, tree: nn.Module) -> None:
        names = (*tree._modules, *tree._parameters, *tree._buffers)
        if taken := [n for n in names if n in self.__dict__ or hasattr(Program, n)]:
            raise QdslError(error("Q504", f"`{n}` is an attribute of programs") for n in taken)


def function_of(graph: fx.Graph, name: str) -> Callable[..., Any]:
    """The graph as a function of the program and its inputs."""
    code = graph.python_code("self")
    variables: dict[str, Any] = dict(code.globals)
    exec(compile(code.src, f"<entry {name}>", "exec"), variables)
    function: Callable[..., Any] = variables["forward"]
    return function


def _name_fields(program: nn.Module, state: dict[str, Tensor], prefix: str, metadata: Any) -> None:
    """`weight:q.clip` → `weight.q.clip`."""
    for key in [k for k in state if f"{QUANTIZER}." in k]:
        state[key.replace(f"{QUANTIZER}.", ".q.")] = state.pop(key)


def _find_fields(program: nn.Module, state: dict[str, Tensor], prefix: str, *rest: Any) -> None:
    """`weight.q.clip` → `weight:q.clip`, for parameters that have a quantizer."""
    assert isinstance(program, Program)
    quantized = {prefix + key for key, _, _ in program.quantizers()}
    for key in list(state):
        parameter, _, field = key.rpartition(".q.")
        if parameter in quantized:
            state[f"{parameter}{QUANTIZER}.{field}"] = state.pop(key)
