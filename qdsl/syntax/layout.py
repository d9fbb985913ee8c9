"""Lays out text in lines of a limited width: groups that fit stay on a line, others are broken."""

from collections.abc import Iterable, Sequence

from qdsl.record import record

WIDTH = 100
INDENT = 4


@record
class Line:
    """A place to break: `flat` where its group fits on the line, else a line end.

    `broken` stands before the line end only.
    """

    flat: str = " "
    broken: str = ""


@record
class Hard:
    """A line end, whatever fits; with a blank line after it if so wished."""

    blank: bool = False


@record
class Suffix:
    """Text for the end of the line it stands in: a trailing comment. It breaks its groups."""

    text: str


@record
class Nest:
    """Lines within are indented one step more."""

    body: "Doc"


@record
class Group:
    """Broken at all its own lines or at none."""

    body: "Doc"


Doc = str | Line | Hard | Suffix | Nest | Group | Sequence["Doc"]


def joined(separator: Sequence[Doc], docs: Iterable[Doc]) -> list[Doc]:
    """The documents with a separator between each two."""
    result: list[Doc] = []
    for doc in docs:
        if result:
            result += separator
        result.append(doc)
    return result


def must_break(doc: Doc) -> bool:
    """Whether the document cannot be laid out on one line."""
    stack: list[Doc] = [doc]
    while stack:
        match stack.pop():
            case str() | Line():
                pass
            case Hard() | Suffix():
                return True
            case Nest(body) | Group(body):
                stack.append(body)
            case parts:
                stack += parts
    return False


Work = tuple[int, bool, Doc]  # indentation, whether lines are flat, what to lay out


def render(doc: Doc) -> str:
    """The text of a document, without trailing spaces."""
    out: list[str] = []
    suffixes: list[str] = []
    column = 0
    stack: list[Work] = [(0, False, doc)]
    while stack:
        indent, flat, part = stack.pop()
        match part:
            case str():
                out.append(part)
                column += len(part)
            case Line(flat=text) if flat:
                out.append(text)
                column += len(text)
            case Line() | Hard():
                out.append(part.broken if isinstance(part, Line) else "")
                out += suffixes
                suffixes.clear()
                out.append("\n\n" if isinstance(part, Hard) and part.blank else "\n")
                out.append(" " * indent)
                column = indent
            case Suffix(text):
                suffixes.append(f"  {text}")
            case Nest(body):
                stack.append((indent + INDENT, flat, body))
            case Group(body):
                fits = flat or (not must_break(body) and _fits(WIDTH - column, body, stack))
                stack.append((indent, fits, body))
            case _:
                stack += ((indent, flat, p) for p in reversed(part))
    text = "".join([*out, *suffixes])
    return "\n".join(line.rstrip() for line in text.split("\n"))


def _fits(room: int, doc: Doc, rest: Sequence[Work]) -> bool:
    """Whether the flat document, and what follows it up to the next line end, fits in the room."""
    stack: list[tuple[bool, Doc]] = [(True, doc)]
    following = len(rest)
    while room >= 0:
        if not stack:
            if not following:
                return True
            following -= 1
            _, flat, part = rest[following]
            stack.append((flat, part))
        flat, part = stack.pop()
        match part:
            case str():
                room -= len(part)
            case Line(flat=text) if flat:
                room -= len(text)
            case Line() | Hard():
                return True
            case Suffix():
                pass
            case Nest(body):
                stack.append((flat, body))
            case Group(body):
                stack.append((not must_break(body), body))
            case _:
                stack += ((flat, p) for p in reversed(part))
    return False
