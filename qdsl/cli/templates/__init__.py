"""The specs that `new` begins with: one file each, its first comment says what it is."""

from pathlib import Path

FOLDER = Path(__file__).parent
DEFAULT = "minimal"


def templates() -> tuple[str, ...]:
    """Names of the templates, the default first."""
    names = sorted(path.stem for path in FOLDER.glob("*.qspec"))
    return (DEFAULT, *(name for name in names if name != DEFAULT))


def template_text(name: str) -> str:
    """The spec that the template is."""
    return (FOLDER / f"{name}.qspec").read_text(encoding="utf-8")


def summary(name: str) -> str:
    """What its first line says of it."""
    return template_text(name).partition("\n")[0].lstrip("# ")
