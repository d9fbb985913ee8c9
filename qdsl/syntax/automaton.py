"""Runs the LALR(1) automaton over tokens, building the tree as it reduces."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from qdsl.source import Source, Span
from qdsl.syntax.build.context import Build, Context
from qdsl.syntax.grammar import ABSENT, Tables
from qdsl.syntax.lexer import Token

Rule = tuple[int, int, Build | Literal[""] | None, tuple[int, ...], bool]
"""A rule of the tables with its action looked up, and whether its node is a level of nesting."""


class NestingError(Exception):
    """A node that nests deeper than the limit."""

    def __init__(self, span: Span) -> None:
        super().__init__(span)
        self.span = span


class Automaton:
    """One parse: parallel stacks of states, values, their starts and their depths.

    Entry i of `values`, `starts` and `depths` belongs to entry i + 1 of `states`.
    """

    def __init__(
        self,
        tables: Tables,
        context: Context,
        leaves: Mapping[str, Build],
        nodes: Mapping[str, Build],
        *,
        nesting: frozenset[str],
        limit: int,
    ) -> None:
        self.tables = tables
        self.context = context
        self.limit = limit
        self.leaves = {tables.terminals[name]: build for name, build in leaves.items()}
        self.rules = [
            (origin, length, nodes[name] if name else name, picks, name in nesting)
            for origin, length, name, picks in tables.rules
        ]
        self.root = tables.symbols.index("file")
        self.states = [0]
        self.values: list[Any] = []
        self.starts: list[int] = []
        self.depths: list[int] = []
        self.end = 0

    def run(self, source: Source, tokens: Sequence[Token], position: int) -> int:
        """Takes tokens from `position` on; returns the position of the first that does not fit.

        After the end token that is one behind it, and `values[0]` is the file. Raises NestingError.
        """
        rows, rules, leaves = self.tables.states, self.rules, self.leaves
        name, soft, context = self.tables.name, self.tables.soft, self.context
        states, values, starts, depths = self.states, self.values, self.starts, self.depths
        while True:
            symbol, text, start, end = tokens[position]
            while True:
                action = rows[states[-1]].get(symbol)
                if action is None:
                    if symbol not in soft:
                        return position
                    symbol = name
                elif action >= 0:
                    leaf = leaves.get(symbol)
                    values.append(leaf(context, Span(source, start, end), text) if leaf else text)
                    starts.append(start)
                    depths.append(0)
                    states.append(action)
                    self.end = end
                    break
                else:
                    origin, length, build, _, _ = rule = rules[-1 - action]
                    if build is None and length == 1:
                        states[-1] = rows[states[-2]][origin]
                        continue
                    self._reduce(source, rule, start)
                    if origin == self.root:
                        return position + 1
                    states.append(rows[states[-1]][origin])
            position += 1

    def settle(self, source: Source, symbol: int) -> None:
        """Reduces what a terminal that could follow would end, without taking the terminal."""
        rows = self.tables.states
        while (action := rows[self.states[-1]][symbol]) < 0:
            rule = self.rules[-1 - action]
            self._reduce(source, rule, self.end)
            self.states.append(rows[self.states[-1]][rule[0]])

    def _reduce(self, source: Source, rule: Rule, start: int) -> None:
        _, length, build, picks, nests = rule
        values, starts, depths, depth = self.values, self.starts, self.depths, 0
        parts: list[Any] = []
        if length:
            below = len(values) - length
            parts, start, depth = values[below:], starts[below], max(depths[below:])
            del self.states[-length:], values[below:], starts[below:], depths[below:]
        children = _pick(parts, picks)
        value: Any = children
        if callable(build):
            value = build(self.context, Span(source, start, self.end), *children)
            depth += nests
            if depth > self.limit:
                raise NestingError(Span(source, start, self.end))
        elif build is None:
            value = parts[picks[0]]
        values.append(value)
        starts.append(start)
        depths.append(depth)

    def accepts(self, symbol: int, states: Sequence[int]) -> bool:
        """Whether a stack of states could take a terminal."""
        return self._step(list(states), symbol)

    def takes(self, tokens: Iterable[Token], states: Sequence[int]) -> bool:
        """Whether a stack of states could take these tokens."""
        trial = list(states)
        return all(self.step(trial, token) for token in tokens)

    def step(self, states: list[int], token: Token) -> bool:
        """Moves the states over a token: as the word it is, or else as a name."""
        return self._step(states, token.symbol) or (
            token.symbol in self.tables.soft and self._step(states, self.tables.name)
        )

    def _step(self, states: list[int], symbol: int) -> bool:
        """Moves the states over a terminal, where it fits; changes nothing where it does not."""
        rows, rules = self.tables.states, self.tables.rules
        trial = states[:]
        while True:
            action = rows[trial[-1]].get(symbol)
            if action is None:
                return False
            if action >= 0:
                states[:] = [*trial, action]
                return True
            origin, length, _, _ = rules[-1 - action]
            if origin == self.root:
                return True
            del trial[len(trial) - length :]
            trial.append(rows[trial[-1]][origin])

    def cut(self, height: int) -> None:
        """Forgets all but the lowest `height` states."""
        del self.states[height:], self.values[height - 1 :]
        del self.starts[height - 1 :], self.depths[height - 1 :]


def _pick(parts: list[Any], picks: tuple[int, ...]) -> list[Any]:
    """The children a rule keeps; the first list spliced in is extended in place, in linear time."""
    children: list[Any] = []
    for pick in picks:
        if pick >= 0:
            children.append(parts[pick])
        elif pick == ABSENT:
            children.append(None)
        elif children:
            children += parts[ABSENT - 1 - pick]
        else:
            children = parts[ABSENT - 1 - pick]
    return children
