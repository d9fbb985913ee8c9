"""Writes a model as readable text, the same for equal models.

First the modules with their parameters, shapes and formats, then the entries, then each function
that they call, once. Equal neighbours of a `repeat` are one line, `blocks[0..12]`.
"""

from collections.abc import Iterator
from functools import cached_property

from qdsl.ir.model import Arithmetic, Model, Module, Parameter, Storage, join
from qdsl.ir.text_body import BodyText


def model_text(model: Model, title: str = "") -> str:
    """The whole model; `title` says where it is from."""
    head = f"model {model.name}" + (f"  # {title}" if title else "")
    return "\n".join((head, *_Modules(model).lines(), *BodyText(model).lines())) + "\n"


class _Modules:
    """The tree of modules being written."""

    def __init__(self, model: Model) -> None:
        self.model = model

    @cached_property
    def storages(self) -> dict[str, Storage]:
        return {s.path: s for s in self.model.storages}

    @cached_property
    def roundings(self) -> dict[str, list[str]]:
        """By the path of a layer, or of the block whose function binds the value."""
        found: dict[str, list[str]] = {}
        for property, formats in self.model.roundings.items():
            for path, format in formats.items():
                block, _, function = path.rpartition(".")[0].rpartition(".")
                is_layer = path in self.layers
                value = "" if is_layer else f"{function}.{path.rpartition('.')[2]} "
                found.setdefault(path if is_layer else block, []).append(
                    f"{value}{property} {format}"
                )
        return found

    @cached_property
    def layers(self) -> frozenset[str]:
        return frozenset(path for path, module in self.model.root.walk() if module.is_layer)

    @cached_property
    def folds(self) -> dict[str, str]:
        return {f.norm: f.into for f in self.model.folds}

    def lines(self) -> Iterator[str]:
        if self.model.arithmetic is not Arithmetic.FLOAT:
            yield f"  arithmetic {self.model.arithmetic}, functions {self.model.functions}"
        yield from self._inside(self.model.root, "", "  ")

    def _module(self, label: str, module: Module, path: str, indent: str) -> Iterator[str]:
        words = [f"{label}: {module.kind}", *self._words(path)]
        yield indent + "  ".join(words)
        yield from self._inside(module, path, indent + "  ")

    def _words(self, path: str) -> Iterator[str]:
        if format := self.model.activations.get(path):
            yield f"activations {format}"
        if format := self.model.states.get(path):
            yield f"state {format}"
        if path in self.layers:
            yield from self.roundings.get(path, ())
        if path in self.folds:
            yield f"folded into {_seen_from(path, self.folds[path])}"

    def _inside(self, module: Module, path: str, indent: str) -> Iterator[str]:
        if not module.is_layer:
            yield from (indent + text for text in self.roundings.get(path, ()))
        for parameter in module.parameters if path not in self.folds else ():
            yield indent + self._parameter(parameter, join(path, parameter.name))
        for name, member in module.members.items():
            if isinstance(member, Module):
                yield from self._module(name, member, join(path, name), indent)
            else:
                yield from self._repeat(name, member, path, indent)

    def _repeat(
        self, name: str, elements: tuple[Module, ...], path: str, indent: str
    ) -> Iterator[str]:
        """The elements; neighbours that read alike once, under the range of their indices."""
        texts = []
        for i, element in enumerate(elements):
            place = join(path, f"{name}[{i}]")
            head = "  ".join((element.kind, *self._words(place)))
            texts.append((head, *self._inside(element, place, indent + "  ")))
        first = 0
        for i in range(1, len(texts) + 1):
            if i < len(texts) and texts[i] == texts[first]:
                continue
            head, *inside = texts[first]
            index = f"{first}" if i == first + 1 else f"{first}..{i}"
            yield f"{indent}{name}[{index}]: {head}"
            yield from inside
            first = i

    def _parameter(self, parameter: Parameter, path: str) -> str:
        shape = f"[{', '.join(map(str, parameter.shape))}]"
        if path in self.model.ties:
            return f"{parameter.name}  = {self.model.ties[path]}"
        storage = self.storages.get(path)
        if storage is None:
            return f"{parameter.name}  {shape}  not stored"
        words = [parameter.name, shape, format_text(storage)]
        return "  ".join(words + ([] if storage.trainable else ["frozen"]))


def format_text(storage: Storage) -> str:
    """The format as a spec writes it: `any(int4, int8)` where it is still open."""
    if storage.choices:
        return f"any({', '.join(map(str, storage.choices))})"
    return str(storage.format)


def _seen_from(path: str, other: str) -> str:
    """The other path, `.depthwise` for a neighbour, so that equal blocks read alike."""
    block = path.rpartition(".")[0]
    return other.removeprefix(block) if block and other.startswith(block + ".") else other
