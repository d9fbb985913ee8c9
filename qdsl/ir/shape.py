"""Defines dims: integer polynomials over names and floor divisions, in one normal form.

Two dims are equal exactly when their normal forms are. A dim is a sum of terms; a term is an
integer coefficient times a product of atoms; an atom is a name (`T`) or a floor division of dims.
"""

from collections.abc import Iterable, Mapping
from functools import reduce
from math import gcd
from operator import add

from qdsl.record import record

Shape = tuple["Dim", ...]


@record
class FloorDiv:
    """`numerator // denominator` that no rule could simplify; the denominator is never 0."""

    numerator: "Dim"
    denominator: "Dim"

    def __str__(self) -> str:
        return f"{_bracketed(self.numerator)} // {_bracketed(self.denominator)}"


Atom = str | FloorDiv
Product = tuple[Atom, ...]  # atoms in canonical order, repeated for powers


@record
class Dim:
    """Sum of `coefficient · product`, sorted by product, no coefficient 0; no terms is 0."""

    terms: tuple[tuple[Product, int], ...]

    def __add__(self, other: "Dim | int") -> "Dim":
        return _collect((*self.terms, *dim(other).terms))

    def __sub__(self, other: "Dim | int") -> "Dim":
        return self + dim(other) * -1

    def __mul__(self, other: "Dim | int") -> "Dim":
        right = dim(other).terms
        return _collect((_product(p, q), c * k) for p, c in self.terms for q, k in right)

    def __floordiv__(self, other: "Dim | int") -> "Dim":
        """Floor division; raises ZeroDivisionError for a constant denominator 0."""
        denominator = dim(other)
        if (n := denominator.constant) is not None:
            return _divide_by_integer(self, n)
        if self == denominator:
            return ONE
        if (exact := _divide_exactly(self, denominator)) is not None:
            return exact
        return _atom(FloorDiv(self, denominator))

    @property
    def constant(self) -> int | None:
        """The integer this is, or None when it depends on a name."""
        match self.terms:
            case ():
                return 0
            case (((), c),):
                return c
            case _:
                return None

    def names(self) -> frozenset[str]:
        """Every free name."""
        return frozenset(n for p, _ in self.terms for a in p for n in _atom_names(a))

    def substitute(self, values: "Mapping[str, Dim]") -> "Dim":
        """The dim with names replaced."""
        if not self.names() & values.keys():
            return self
        return reduce(add, (_substitute_term(p, c, values) for p, c in self.terms), ZERO)

    def evaluate(self, values: Mapping[str, int]) -> int:
        """The integer for given sizes; raises KeyError for a name without one."""
        result = self.substitute({k: dim(v) for k, v in values.items()}).constant
        if result is None:
            raise KeyError(sorted(self.names() - values.keys())[0])
        return result

    def __str__(self) -> str:
        if not self.terms:
            return "0"
        # names before the constant, as people write `T + 1`
        ordered = sorted(self.terms, key=lambda t: (not t[0], t[1] < 0))
        text = "".join(f" {'-' if c < 0 else '+'} {_term_text(p, abs(c))}" for p, c in ordered)
        return text[3:] if text.startswith(" + ") else "-" + text[3:]


def dim(value: "Dim | int | str") -> Dim:
    """A dim from an integer, a name, or a dim."""
    match value:
        case Dim():
            return value
        case int():
            return Dim((((), value),)) if value else ZERO
        case str():
            return _atom(value)


def shape(*dims: "Dim | int | str") -> Shape:
    return tuple(dim(d) for d in dims)


def shape_text(dims: Shape) -> str:
    return "[" + ", ".join(str(d) for d in dims) + "]"


def sizes(dims: Shape) -> tuple[int, ...] | None:
    """The shape as integers, or None when a dim depends on a name."""
    constants = [d.constant for d in dims]
    return None if None in constants else tuple(c for c in constants if c is not None)


def product(dims: Iterable[Dim]) -> Dim:
    return reduce(lambda a, b: a * b, dims, ONE)


def _atom(atom: Atom) -> Dim:
    return Dim((((atom,), 1),))


def _key(atom: Atom) -> str:
    return str(atom)


def _product(p: Product, q: Product) -> Product:
    return tuple(sorted((*p, *q), key=_key)) if p and q else p or q


def _collect(terms: Iterable[tuple[Product, int]]) -> Dim:
    sums: dict[Product, int] = {}
    for p, c in terms:
        sums[p] = sums.get(p, 0) + c
    kept = ((p, c) for p, c in sums.items() if c)
    return Dim(tuple(sorted(kept, key=lambda t: tuple(map(_key, t[0])))))


def _divide_by_integer(numerator: Dim, n: int) -> Dim:
    """floor(x / n): what n divides leaves the division, coefficients from 1 to n - 1 stay."""
    if n == 0:
        raise ZeroDivisionError
    if n < 0:
        numerator, n = numerator * -1, -n
    # floor((q·n + r) / n) = q + floor(r / n) for each coefficient, the constant included
    whole = _collect((p, c // n) for p, c in numerator.terms)
    rest = _collect((p, c % n) for p, c in numerator.terms)
    return whole if rest.constant is not None else whole + _nested(rest, n)


def _nested(rest: Dim, n: int) -> Dim:
    """floor((floor(x / m) + y) / n) = floor((x + y·m) / (m·n)) for positive m, n."""
    # floor((g·x + c) / (g·n)) = floor((x + floor(c / g)) / n)
    common = gcd(n, *(c for p, c in rest.terms if p))
    if common > 1:
        return _divide_by_integer(_collect((p, c // common) for p, c in rest.terms), n // common)
    for p, c in rest.terms:
        if c == 1 and len(p) == 1 and isinstance(p[0], FloorDiv):
            inner = p[0]
            if (m := inner.denominator.constant) is not None:
                return _divide_by_integer(inner.numerator + (rest - _atom(inner)) * m, m * n)
    return _atom(FloorDiv(rest, dim(n)))


def _divide_exactly(numerator: Dim, denominator: Dim) -> Dim | None:
    """The quotient by a single product that divides every term, such as `B·d // d`."""
    if len(denominator.terms) != 1:
        return None
    (divisor, k), terms = denominator.terms[0], []
    for p, c in numerator.terms:
        left = list(p)
        for atom in divisor:
            if atom not in left:
                return None
            left.remove(atom)
        if c % k:
            return None
        terms.append((tuple(left), c // k))
    return _collect(terms)


def _substitute_term(p: Product, c: int, values: Mapping[str, Dim]) -> Dim:
    return reduce(lambda acc, a: acc * _substitute_atom(a, values), p, dim(c))


def _substitute_atom(atom: Atom, values: Mapping[str, Dim]) -> Dim:
    match atom:
        case str():
            return values[atom] if atom in values else _atom(atom)
        case FloorDiv(numerator, denominator):
            return numerator.substitute(values) // denominator.substitute(values)


def _atom_names(atom: Atom) -> frozenset[str]:
    match atom:
        case str():
            return frozenset((atom,))
        case FloorDiv(numerator, denominator):
            return numerator.names() | denominator.names()


def _term_text(p: Product, c: int) -> str:
    factors = [str(c)] if c != 1 or not p else []
    factors += [
        f"({a})" if isinstance(a, FloorDiv) and (factors or len(p) > 1) else str(a) for a in p
    ]
    return "·".join(factors)


def _bracketed(d: Dim) -> str:
    simple = len(d.terms) == 1 and (not d.terms[0][0] or d.terms[0] == ((d.terms[0][0][0],), 1))
    text = str(d)
    return text if simple and "//" not in text else f"({text})"


ZERO = Dim(())
ONE = Dim((((), 1),))
