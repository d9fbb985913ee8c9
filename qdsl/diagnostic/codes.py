"""Reads the manual: one page for each diagnostic code, whose first line names the offence.

A page is `manual/Q001.md`; it begins `# Q001 unreadable-file` and tells what the code means, why it
is an error, and what to write instead. A new code is a new page.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from qdsl.diagnostic.model import Diagnostic

MANUAL = Path(__file__).parent / "manual"

INPUT_OUTPUT = frozenset(["Q001", "Q002", "Q003", "Q601", "Q612", "Q720"])
"""Codes that say that a file could not be read: the command ends with 2, not with 1."""

WARNINGS = frozenset(["Q104", "Q221", "Q306", "Q309"])
"""Codes that do not stop compilation."""


def page(code: str) -> str | None:
    """The manual page of a code, as Markdown; None where there is none."""
    path = MANUAL / f"{code}.md"
    return path.read_text(encoding="utf-8") if code.isalnum() and path.is_file() else None


def name(code: str) -> str | None:
    """What a code is called, after the offence: `unclosed-bracket`."""
    text = page(code)
    return text.partition("\n")[0].split()[-1] if text else None


def names() -> Mapping[str, str]:
    """All codes in order, each with its name."""
    codes = sorted(path.stem for path in MANUAL.glob("Q*.md"))
    return MappingProxyType({code: name(code) or "" for code in codes})


def exit_code(diagnostics: Iterable[Diagnostic]) -> int:
    """0 without errors, 2 where a file could not be read, else 1."""
    codes = {d.code for d in diagnostics if d.is_error}
    return 2 if codes & INPUT_OUTPUT else min(len(codes), 1)
