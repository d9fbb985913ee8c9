"""Holds `record` to what `dataclass(frozen=True, slots=True)` does."""

import copy
import dataclasses
import pickle  # noqa: TID251 no artifact: only what copying relies on
from dataclasses import FrozenInstanceError, dataclass, field
from typing import Any

import pytest

from qdsl.record import record
from qdsl.source import no_span
from qdsl.syntax.tree import Argument, Integer


class _Fields:
    """The same body for both decorators."""

    left: int
    right: tuple[int, ...] = ()
    name: str = field(default="", compare=False)
    made: list[int] = field(default_factory=list, repr=False, compare=False)

    def double(self) -> int:
        return 2 * self.left


def _class(decorate: Any) -> Any:
    body = {k: v for k, v in vars(_Fields).items() if k not in ("__dict__", "__weakref__")}
    return decorate(type("Pair", (), body))


OURS = _class(record)
THEIRS = _class(dataclass(frozen=True, slots=True))
BOTH = pytest.mark.parametrize("pair", [OURS, THEIRS], ids=["record", "dataclass"])


@record
class Single:
    only: int


@record
class Empty:
    pass


@BOTH
def test_fields(pair: Any) -> None:
    one = pair(1, (2,))
    assert (one.left, one.right, one.name, one.made) == (1, (2,), "", [])
    assert pair(1).made is not pair(1).made
    assert one.double() == 2
    assert pair.__match_args__ == ("left", "right", "name", "made")
    assert [f.name for f in dataclasses.fields(pair)] == ["left", "right", "name", "made"]
    assert dataclasses.replace(one, left=5) == pair(5, (2,))
    assert dataclasses.asdict(one)["right"] == (2,)
    assert not hasattr(one, "__dict__")


@BOTH
@pytest.mark.parametrize("wrong", [((), {}), ((1, 2, "", [], 5), {}), ((1,), {"other": 2})])
def test_arguments(pair: Any, wrong: Any) -> None:
    with pytest.raises(TypeError):
        pair(*wrong[0], **wrong[1])


@BOTH
def test_equality(pair: Any) -> None:
    assert pair(1, (2,), "a") == pair(1, (2,), "b")
    assert pair(1) != pair(2)
    assert hash(pair(1, name="a")) == hash(pair(1, name="b"))
    assert pair(1) != 1
    assert {pair(1): "x"}[pair(1)] == "x"


def test_equality_is_within_a_class() -> None:
    assert OURS(1) != THEIRS(1)
    assert Single(()) != Empty()
    assert Empty() == Empty()
    assert hash(Empty()) == hash(Empty())
    assert Single(1) == Single(1) != Single(2)


@BOTH
def test_text(pair: Any) -> None:
    assert repr(pair(1, (2,), "a")) == "Pair(left=1, right=(2,), name='a')"


@BOTH
def test_nothing_changes(pair: Any) -> None:
    one = pair(1)
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'left'"):
        one.left = 2
    with pytest.raises(FrozenInstanceError, match="cannot delete field 'left'"):
        del one.left
    assert one.left == 1


NODE = Argument(None, Integer(1, "1", no_span()), False, no_span())


@pytest.mark.parametrize("value", [Single(3), Empty(), NODE])
def test_copies(value: object) -> None:
    assert copy.deepcopy(value) == value
    assert pickle.loads(pickle.dumps(value)) == value


def test_a_method_of_the_class_stays() -> None:
    @record
    class Loud:
        word: str

        def __repr__(self) -> str:
            return self.word.upper()

    assert repr(Loud("a")) == "A"
