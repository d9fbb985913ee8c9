"""Tells of every function and operator of tensors: one table, of which lists and docs are made."""

from functools import cache

from qdsl.sema.functions import table
from qdsl.sema.functions.function import Entry, entry

_SAME = "f32 or i64, both the same"

OPERATORS = (
    Entry("+", "a + b", _SAME, "broadcast", "Sum; a number takes the tensor's dtype."),
    Entry("-", "a - b", _SAME, "broadcast", "Difference; `-x` is the negative."),
    Entry("*", "a * b", _SAME, "broadcast", "Product, element by element."),
    Entry("/", "a / b", _SAME, "broadcast", "Quotient."),
    Entry("//", "a // b", _SAME, "broadcast", "Quotient, rounded down."),
    Entry("%", "a % b", _SAME, "broadcast", "What `//` leaves; it has the sign of b."),
    Entry("==", "a == b", "the same → bool", "broadcast", "Equal; `!=` is unequal."),
    Entry("<", "a < b", "the same → bool", "broadcast", "Less; also `<=`, `>`, `>=`."),
    Entry("and", "a and b", "bool", "broadcast", "Both hold."),
    Entry("or", "a or b", "bool", "broadcast", "At least one holds."),
    Entry("not", "not a", "bool", "kept", "True where a is false."),
)
"""What is written between or before tensors."""

FORMS = (
    Entry(
        "[]",
        "x[i, a..b, :, none]",
        "any",
        "a position drops its axis, a range cuts it, `none` inserts one",
        "Positions and ranges of axes; negative ones count from the end.",
    ),
    Entry(
        "transpose",
        "transpose(x, B, T, d -> B, d, T)",
        "any",
        "axes named, then reordered",
        "The axes of x, named in their order, in the order behind `->`.",
    ),
    Entry(
        "len",
        "len(S, lengths)",
        "i64",
        "that of lengths",
        "The formula that S has of one dim, applied to each length.",
    ),
)
"""Functions whose arguments are names, which the evaluator itself reads."""


@cache
def functions() -> tuple[Entry, ...]:
    """Every operator and function of tensors, in the order in which people read them."""
    return (*OPERATORS, *FORMS, *(entry(f) for f in table().values()))
