"""Makes the words of the grids from the registries: formats with options, activations, patterns."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from qdsl import formats, registry
from qdsl.formats import Family
from qdsl.formats._options import option_texts

FAMILIES = registry.collect(formats, Family)
COUNTS = ("4", "3")
"""Values of an option that is a count: the first suits every layer of the grids, the other none."""

PATTERNS = ("", "sparse 2:4", "sparse 1:2", "sparse 50%")
FLAG = "a flag"
OF_ACTIVATIONS = frozenset({"dynamic", "static"})


@dataclass(frozen=True)
class Written:
    """A format as it stands in a spec: options by name, a flag with an empty value."""

    family: str
    options: Mapping[str, str] = field(default_factory=dict, hash=False)
    pattern: str = ""

    def __str__(self) -> str:
        words = [f"{n} = {_quoted(v)}" if v else n for n, v in self.options.items()]
        brackets = f"({', '.join(words)})" if words else ""
        return f"{self.family}{brackets} {self.pattern}".strip()


def _quoted(value: str) -> str:
    """A word that begins as a number does stands in quotes."""
    return f'"{value}"' if value[0].isdigit() and value.isalnum() and not value.isdigit() else value


def values(family: Family) -> dict[str, tuple[str | None, ...]]:
    """What a spec may write of each option of weights; None is that it is left out."""
    return {
        option.name: (None, *_values(option.values))
        for option in option_texts(family)
        if option.name not in OF_ACTIVATIONS
    }


def _values(text: str) -> Iterator[str]:
    if text == FLAG:
        yield ""
    elif text == "a count":
        yield from COUNTS
    else:
        for word in text.split(", "):
            # a number of a range: its ends and what lies between are alike
            yield word.partition(" to ")[0]


def activations() -> tuple[Written | None, ...]:
    """f32, bf16, and all integers that values may be rounded to, in both kinds of range."""
    found: list[Written | None] = [None, Written("bf16")]
    for name, family in FAMILIES.items():
        for flag in sorted(family.flags & OF_ACTIVATIONS):
            if flag == "static" or name == "int8":
                found.append(Written(name, {flag: ""}))
    found.append(Written("int8", {"dynamic": "", "per": "tensor"}))
    found.append(Written("int8", {"static": "", "asymmetric": ""}))
    return tuple(found)
