"""Lists the words and signs of the language itself, and shows their pages."""

from pathlib import Path

from qdsl.cli.entry import Catalog, Entry, first_sentence

PAGES = Path(__file__).parents[1] / "words"
"""A page for each word, Markdown; a new page is a new word."""

_SIGNS = {"pipe": "|>", "arrow": "->"}
_FILES = {sign: file for file, sign in _SIGNS.items()}


def _names() -> list[str]:
    return sorted(_SIGNS.get(path.stem, path.stem) for path in PAGES.glob("*.md"))


def _path(name: str) -> str:
    return f"{_FILES.get(name, name)}.md"


def _entry(name: str) -> Entry:
    text = (PAGES / _path(name)).read_text(encoding="utf-8")
    doc = first_sentence(text.partition("\n\n")[2])
    return Entry((name, doc), text.strip())


def _intro() -> str:
    return (
        "The page behind a link has an example. What the words mean together stands in "
        "[What a spec means](../language/meaning.md), the grammar in "
        "[Syntax](../language/syntax.md)."
    )


WORDS = Catalog(
    "words of the language",
    ("name", "doc"),
    _names,
    _entry,
    intro=_intro,
    sections=False,
    link=lambda name: f"../../qdsl/cli/words/{_path(name)}",
)
