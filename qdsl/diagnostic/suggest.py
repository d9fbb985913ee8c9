"""Finds the name that was meant: `did you mean`."""

from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """The known name nearest to `word`, or None when none is near."""
    # difflib costs start-up time that only a failing run should pay
    from difflib import get_close_matches

    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return close[0] if close else None


def suggestion(word: str, known: Iterable[str]) -> str | None:
    """A help line for an unknown name: the nearest known one, else a short list of all."""
    names = sorted(set(known))
    if near := did_you_mean(word, names):
        return f"did you mean `{near}`?"
    if names and len(names) <= 12:
        return "known: " + ", ".join(f"`{n}`" for n in names)
    return None
