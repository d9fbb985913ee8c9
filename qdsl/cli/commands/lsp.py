"""Defines `qdsl lsp`: the language server, which editors start."""

from argparse import ArgumentParser, Namespace

from qdsl.cli.command import Command


def configure(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--stdio", action="store_true", help="serve stdin and stdout: the only way, and the default"
    )


def run(arguments: Namespace) -> int:
    from qdsl.lsp.server import serve

    serve(_explain)
    return 0


def _explain(word: str) -> str | None:
    """The pages of a word of the language, Markdown; None where there is none."""
    import qdsl.cli.catalog
    from qdsl.cli.entry import Catalog
    from qdsl.registry import collect

    catalogs = collect(qdsl.cli.catalog, Catalog).values()
    return "\n\n".join(c.entry(word).page for c in catalogs if word in c.names()) or None


COMMAND = Command(
    "serve an editor over stdin and stdout (Language Server Protocol)",
    configure,
    run,
    description=(
        "Editors start this command for .qspec files. It tells what is wrong as one types, and "
        "answers hover, completion, definition, references, rename, symbols, inlay hints, "
        "formatting and quick fixes. docs/editors.md says how to set up VS Code, Neovim, Helix "
        "and Emacs."
    ),
    examples=(("qdsl lsp", "what an editor is told to start"),),
    statuses=(),
    see=("check", "fmt", "why"),
)
