"""Finds where a parse goes on after an error: at the next element of the list it failed in."""

import re
from collections.abc import Mapping, Sequence

from qdsl.record import record
from qdsl.source import Source
from qdsl.syntax.automaton import Automaton
from qdsl.syntax.brackets import pairs, partners
from qdsl.syntax.grammar import END
from qdsl.syntax.lexer import Token
from qdsl.syntax.margins import Margin, margins

LISTS = re.compile(
    r"__(file|members|statements|rules|properties|limits|recipe|target|variant)_star_[0-9]+"
)
"""What lark calls the repetition in a rule, where each repeated element may be dropped alone."""


@record
class Group:
    """The inside of a bracket, or the whole file, where `opener` is -1.

    `floor` states stay whatever happens inside; `base` states hold its complete elements too.
    `heights` are those to which the states may be cut back: not into a bracket that is closed.
    """

    opener: int
    floor: int
    base: int
    heights: Sequence[int]


class Recovery:
    """Recovers the parse of one file."""

    def __init__(self, source: Source, automaton: Automaton, tokens: list[Token]) -> None:
        tables = automaton.tables
        self.source = source
        self.automaton = automaton
        self.tokens = tokens
        self.partner: Mapping[int, int] = partners(tokens, tables)
        self.margins = margins(source, tokens)
        self.openers = pairs(tables)
        self.closers = frozenset(self.openers.values())
        self.brace, self.comma = tables.signs["{"], tables.signs[","]
        self.semicolon, self.stars = tables.signs[";"], (tables.signs["*"], tables.signs["**"])
        self.words = frozenset(tables.words.values()) | {tables.name}
        self.resumed = 0
        self.checkpoint: Sequence[int] = (0,)
        self.entered = {  # the symbol that leads to each state
            target: symbol for row in tables.states for symbol, target in row.items() if target >= 0
        }

    def before(self, position: int) -> list[int]:
        """The states before the token at a position, which may reduce more than it should.

        The tables merge lookaheads: a token that does not fit is found out after reductions, when
        some of what would have fitted is forgotten.
        """
        states = list(self.checkpoint)
        for token in self.tokens[self.resumed : position]:
            self.automaton.step(states, token)
        return states

    def resume(self, position: int) -> int:
        """Cuts the stacks back and returns the position to go on from."""
        self.resumed = self._resume(position)
        self.checkpoint = tuple(self.automaton.states)
        return self.resumed

    def closing(self, group: Group) -> Token | None:
        """The bracket that closes a group, None where none was written."""
        found = self.tokens[self.partner[group.opener]] if group.opener >= 0 else None
        return found if found and found.text else None

    def _resume(self, position: int) -> int:
        group = self.group(position)
        while True:
            found = self._search(group, position)
            if found is not None:
                return found
            position = self.partner[group.opener] + 1
            self.automaton.cut(group.floor - 1)
            group = self.group(position)

    def group(self, position: int) -> Group:
        """The group that the token at a position stands in."""
        opener = position - 1
        while opener >= 0 and self.tokens[opener].symbol not in self.openers:
            opener = self.partner.get(opener, opener) - 1
        states, level = self.automaton.states, 0
        heights: dict[int, list[int]] = {0: []}  # by how many brackets are open there
        for height, state in enumerate(states, start=1):
            symbol = self.entered.get(state)
            if symbol in self.openers:
                level += 1
                heights[level] = []
            elif symbol in self.closers:
                level -= 1
            heights[level].append(height)
        inside = [height for height in heights[level] if height > 1]  # behind the edition
        floor = inside[0]
        listed = len(states) > floor and LISTS.fullmatch(self._symbol(states[floor]))
        return Group(opener, floor, floor + bool(listed), inside)

    def is_aftermath(self, position: int, element: int | None) -> bool:
        """Whether an error in an element is but a consequence of one that was reported.

        It is inside of a bracket that was not closed, or right behind the bracket that ended the
        last error.
        """
        opener = self.group(position).opener
        if opener >= 0 and not self.tokens[self.partner[opener]].text:
            return self.tokens[opener].symbol != self.brace
        behind = position == self.resumed + 1 and self.tokens[position - 1].symbol in self.closers
        return behind and element is not None

    def _margin(self, token: Token) -> Margin:
        return self.margins.get(token.start, Margin(0, False))

    def is_new_line(self, position: int) -> bool:
        """Whether the token is the first of a line, or the end of the text."""
        token = self.tokens[position]
        return token.symbol == END or self._margin(token).is_first

    def _states(self, height: int) -> Sequence[int]:
        return self.automaton.states[:height]

    def _symbol(self, state: int) -> str:
        return self.automaton.tables.symbols[self.entered[state]]

    def settle(self) -> None:
        """Completes the element before the error where a further element could follow it."""
        words = self.automaton.tables.words
        symbols = [words[word] for word in ("import", "tie", "return", "optional")]
        for symbol in (*symbols, self.automaton.tables.name):
            if self.automaton.accepts(symbol, self.automaton.states):
                self.automaton.settle(self.source, symbol)
                return

    def dangling(self, position: int) -> int | None:
        """Where the element before ended unfinished: `x =` and then, on the next line, `y = 3`.

        A token that does not fit may be the second of an element whose first was taken for the rest
        of the element before; the position of that first.
        """
        group, first = self.group(position), position - 1
        begun = self.automaton.starts[group.base - 1 : group.base]
        if (
            begun
            and begun[0] < self.tokens[first].start
            and self.starts_element(group, first)
            and self.automaton.takes(self.tokens[first : position + 1], self._states(group.base))
        ):
            return first
        return None

    def starts_element(self, group: Group, position: int) -> bool:
        """Whether the token begins a line, and would begin an element of the group there."""
        token = self.tokens[position]
        return (
            self._in_braces(group)
            and (token.symbol in self.words or token.symbol in self.stars)
            and self._margin(token).is_first
            and self.automaton.takes([token], self._states(group.base))
        )

    def _looks_like_element(self, group: Group, position: int) -> bool:
        """Whether a word stands where elements begin: if it begins none, that is to be reported."""
        token, margin = self.tokens[position], Margin(0, True)
        if group.opener >= 0:
            margin = self._margin(self.tokens[group.opener + 1])
        return (
            self._in_braces(group)
            and token.symbol in self.words
            and margin.is_first
            and self._margin(token) == margin
        )

    def _in_braces(self, group: Group) -> bool:
        return group.opener < 0 or self.tokens[group.opener].symbol == self.brace

    def _search(self, group: Group, position: int) -> int | None:
        """Where to go on in the group, with the stacks cut back for it; None: only behind it."""
        end = self.partner[group.opener] if group.opener >= 0 else len(self.tokens) - 1
        in_braces, error = self._in_braces(group), position
        while position < end:
            token = self.tokens[position]
            if self.starts_element(group, position) or (
                position > error and self._looks_like_element(group, position)
            ):
                self.automaton.cut(group.base)
                return position
            if in_braces and token.symbol == self.semicolon:
                self.automaton.cut(group.base)
                return position + 1
            if in_braces and token.symbol == self.brace:
                closed = self.tokens[self.partner[position]]
                start = self.tokens[position : position + 3]
                # the body of a broken head, be it empty, or else the branch of an `if`
                if any(
                    self._cut_to(body, group, group.base + 1) for body in ([token, closed], start)
                ):
                    return position
            elif not in_braces and token.symbol == self.comma:
                if self._cut_to([token], group, group.floor):
                    return position
                if self.automaton.takes([self.tokens[position + 1]], self._states(group.floor)):
                    self.automaton.cut(group.floor)
                    return position + 1
            position = self.partner[position] + 1 if token.symbol in self.openers else position + 1
        return end if self._cut_to([self.tokens[end]], group, group.floor) else None

    def _cut_to(self, tokens: Sequence[Token], group: Group, lowest: int) -> bool:
        """Cuts back to the highest states that take some tokens, if any from `lowest` up do."""
        for height in reversed(group.heights):
            if height >= lowest and self.automaton.takes(tokens, self._states(height)):
                self.automaton.cut(height)
                return True
        return False
