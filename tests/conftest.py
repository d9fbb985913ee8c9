"""Gives all tests the `golden` fixture: text that is compared with a file, or written to it."""

from collections.abc import Callable
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write golden files anew")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """`golden(path, text)` fails where the file at `path` holds another text.

    Under `--update-golden` it writes the text there instead; review the change as you would code.
    """

    def check(path: Path, text: str) -> None:
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="")
            return
        assert path.is_file(), f"{path} is missing: run pytest --update-golden"
        with path.open(encoding="utf-8", newline="") as file:
            assert text == file.read()

    return check
