"""Folds paths that differ in one index into runs, `blocks[0..12].up.weight`, and unfolds them."""

import re
from collections.abc import Iterable, Iterator

_FIRST_INDEX = re.compile(r"^([^\[]*)\[(\d+)\](.*)$")
_RUN = re.compile(r"^([^\[]*)\[(\d{1,9})\.\.(\d{1,9})\](.*)$")


def fold(paths: Iterable[str]) -> list[str]:
    """Runs over the first index of each path, in the order in which they begin."""
    groups: dict[tuple[str, str], list[int]] = {}
    folded: dict[str | tuple[str, str], None] = {}
    for path in paths:
        if match := _FIRST_INDEX.match(path):
            key = (match[1], match[3])
            groups.setdefault(key, []).append(int(match[2]))
            folded[key] = None
        else:
            folded[path] = None
    return [text for key in folded for text in _texts(key, groups)]


def _texts(key: str | tuple[str, str], groups: dict[tuple[str, str], list[int]]) -> Iterator[str]:
    if isinstance(key, str):
        yield key
        return
    prefix, suffix = key
    for first, last in _consecutive(sorted(groups[key])):
        index = f"{first}" if first == last else f"{first}..{last + 1}"
        yield f"{prefix}[{index}]{suffix}"


def _consecutive(numbers: list[int]) -> Iterator[tuple[int, int]]:
    first = 0
    for i in range(1, len(numbers) + 1):
        if i == len(numbers) or numbers[i] != numbers[i - 1] + 1:
            yield numbers[first], numbers[i - 1]
            first = i


def length(run: str) -> int:
    """How many paths a run stands for: what `unfold` will give, without giving it."""
    match = _RUN.match(run)
    return max(0, int(match[3]) - int(match[2])) if match else 1


def unfold(run: str) -> Iterator[str]:
    """The paths of a run."""
    if match := _RUN.match(run):
        for i in range(int(match[2]), int(match[3])):
            yield f"{match[1]}[{i}]{match[4]}"
    else:
        yield run
