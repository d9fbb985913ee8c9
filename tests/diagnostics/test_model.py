"""Holds diagnostics to what they carry: an edit where the help names another word."""

from concurrent.futures import ProcessPoolExecutor

import pytest

from qdsl.diagnostic.model import Edit, QdslError, error
from qdsl.source import Source, Span

SOURCE = Source("a.qspec", "blok A { }")
WORD, MORE = Span(SOURCE, 0, 4), Span(SOURCE, 0, 6)


def test_another_word_is_an_edit() -> None:
    assert error("Q010", "no", WORD, help="did you mean `block`?").fix == Edit(WORD, "block")


@pytest.mark.parametrize(
    ("span", "help"),
    [
        (WORD, "did you mean `block.**`?"),
        (WORD, "did you mean `block`? Then write it"),
        (MORE, "did you mean `block`?"),
        (None, "did you mean `block`?"),
        (WORD, None),
    ],
)
def test_other_help_is_none(span: Span | None, help: str | None) -> None:
    assert error("Q010", "no", span, help=help).fix is None


def test_a_given_edit_stays() -> None:
    fix = Edit(MORE, "block B")
    assert error("Q010", "no", WORD, help="did you mean `block`?", fix=fix).fix is fix


def fails() -> None:
    raise QdslError([error("Q010", "no", WORD, help="did you mean `block`?")])


def test_an_error_comes_back_from_another_process() -> None:
    with ProcessPoolExecutor(1) as workers, pytest.raises(QdslError) as failure:
        workers.submit(fails).result()
    (found,) = failure.value.diagnostics
    assert found.fix is not None
    assert (found.code, found.fix.text, found.fix.span.text) == ("Q010", "block", "blok")
