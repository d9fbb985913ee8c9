"""Resolves targets: an item of the file, or a profile that comes with the compiler."""

from dataclasses import dataclass, field

from qdsl.devices import Profile, ProfileError, load_profile, profile_names, profile_of
from qdsl.devices.profile import TRAITS
from qdsl.diagnostic.suggest import suggestion
from qdsl.sema.context import Context, Stop
from qdsl.sema.language import format_names
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
        places: dict[str, tree.Trait] = {}
        for trait in item.traits:
            if trait.name.text in places:
                message = f"`{trait.name.text}` is given twice"
                raise self.context.stop("Q205", message, trait.name.span)
            places[trait.name.text] = trait
        try:
            values = {name: self._value(trait) for name, trait in places.items()}
            return profile_of(item.name.text, values, base, item.doc)
        except ProfileError as wrong:
            trait = places[wrong.trait]
            unknown = wrong.trait not in TRAITS
            span = trait.name.span if unknown else trait.value.span
            help = suggestion(wrong.trait, TRAITS) if unknown else None
            raise self.context.stop("Q321", str(wrong), span, help=help) from None

    def _value(self, trait: tree.Trait) -> object:
        """The value as a YAML file would have it."""
        match trait.value:
            case tree.Quantity(text=text, unit=unit):
                return f"{text} {unit}"
            case tree.Name(text=text) | tree.String(value=text):
                return text
            case tree.Array(elements=elements):
                return [self._element(trait.name.text, e) for e in elements]
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
