"""Resolves targets: an item of the file, or a profile that comes with the compiler."""

from dataclasses import dataclass, field

from qdsl.devices import Profile, ProfileError, load_profile, profile_names, profile_of
from qdsl.devices.profile import TRAITS
from qdsl.diagnostic.suggest import suggestion
from qdsl.registry import entry_points
from qdsl.sema.context import Context, Stop
from qdsl.sema.language import format_names
from qdsl.sema.recipe.options import Collected
from qdsl.sema.scope import FileScope
from qdsl.syntax import tree

WORDS_OF = ("formats", "activations")


@dataclass(eq=False)
class TargetReader:
    """Reads the targets of one compilation, each once; None is one that is wrong."""

    context: Context
    made: dict[int, Profile | None] = field(default_factory=dict)
    reading: set[int] = field(default_factory=set)

    def named(self, name: tree.Name, scope: FileScope) -> Profile:
        """The target of that name; raises Stop after reporting."""
        entry = scope.find(name.text)
        if entry is not None and isinstance(entry.item, tree.Target):
            return self.read(entry.item, entry.scope)
        if name.text in scope.broken:
            raise Stop
        if name.text in profile_names():
            return load_profile(name.text)
        known = [n for n, e in scope.entries.items() if isinstance(e.item, tree.Target)]
        help = suggestion(name.text, [*known, *profile_names()])
        message = f"unknown target `{name.text}`"
        raise self.context.stop("Q101", message, name.span, "not found", help=help)

    def read(self, item: tree.Target, scope: FileScope) -> Profile:
        """The profile of an item, what it extends under its own traits."""
        if id(item) in self.reading:
            assert item.base is not None
            message = f"target `{item.name.text}` extends itself"
            help = "a chain of `extends` ends with a target that extends none"
            raise self.context.stop("Q313", message, item.base.span, "closes the cycle", help=help)
        if id(item) not in self.made:
            self.made[id(item)] = None
            self.reading.add(id(item))
            try:
                self.made[id(item)] = self._read(item, scope)
            finally:
                self.reading.remove(id(item))
        if (found := self.made[id(item)]) is None:
            raise Stop
        return found

    def _read(self, item: tree.Target, scope: FileScope) -> Profile:
        base = None
        if item.base is not None:
            own = item.base.text == item.name.text
            # `target cpu extends cpu` goes on from the profile of that name
            profile = own and item.base.text in profile_names()
            base = load_profile(item.base.text) if profile else self.named(item.base, scope)
        parts, values = Collected(), dict[str, object]()
        for trait in item.traits:
            with parts.part():
                if trait.name.text in values:
                    message = f"`{trait.name.text}` is given twice"
                    raise self.context.stop("Q205", message, trait.name.span)
                values[trait.name.text] = None
                values[trait.name.text] = self._checked(trait)
        parts.end()
        return profile_of(item.name.text, values, base, item.doc)

    def _checked(self, trait: tree.Trait) -> object:
        """The value of the trait; raises Stop after reporting where a profile does not take it."""
        value, name = self._value(trait), trait.name.text
        try:
            profile_of(name, {name: value})
        except ProfileError as wrong:
            unknown = name not in TRAITS
            span = trait.name.span if unknown else trait.value.span
            help = suggestion(name, TRAITS) if unknown else None
            raise self.context.stop("Q321", str(wrong), span, help=help) from None
        if name == "backend" and value not in (known := _backends()):
            help, span = suggestion(str(value), known), trait.value.span
            raise self.context.stop("Q321", f"unknown back end `{value}`", span, help=help)
        return value

    def _value(self, trait: tree.Trait) -> object:
        """The value as a YAML file would have it."""
        match trait.value:
            case tree.Quantity(text=text, unit=unit):
                return f"{text} {unit}"
            case tree.Name(text=text) | tree.String(value=text):
                return text
            case tree.Array(elements=elements):
                parts, found = Collected(), list[object]()
                for e in elements:
                    with parts.part():
                        found.append(self._element(trait.name.text, e))
                parts.end()
                return found
            case _:
                return None  # refused by the profile

    def _element(self, trait: str, e: tree.Expr) -> object:
        match e:
            case tree.Name(text=text) | tree.String(value=text):
                pass
            case _:
                return None
        if trait in WORDS_OF and text not in format_names():
            help = suggestion(text, format_names())
            raise self.context.stop("Q321", f"unknown format `{text}`", e.span, help=help)
        return text


def _backends() -> set[str]:
    """Back ends that are installed, or that a shipped profile names."""
    profiles = (load_profile(name).backend for name in profile_names())
    return {*entry_points("qdsl.backends"), *filter(None, profiles)}
