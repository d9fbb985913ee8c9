"""Reads the keywords out of the grammar, and where each of them is one.

The grammar file is read as text: its layout (one rule begins a line, what goes on is indented) is
all that is assumed of it.
"""

import os
import re
from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType

_RULE = re.compile(r"^[!?]*(\w+): *(.*(?:\n[ \t]+.*)*)", re.MULTILINE)
_SYMBOL = re.compile(r'"([^"]*)"|->\s*\w+|([a-z_]\w*)|([A-Z]\w*)|(\S)')
_RESERVED = re.compile(r'^[A-Z]+\.\d+: "(\w+)"', re.MULTILINE)
_BEFORE_NAME = re.compile(r'"(\w+)" NAME')
_BEFORE_NUMBER = re.compile(r"^[A-Z]+: /([a-z]+)\(\?=.*\[0-9\]\)/", re.MULTILINE)


@cache
def grammar() -> str:
    """The text of the grammar that is shipped with the language."""
    folder = os.path.join(os.path.dirname(os.path.dirname(__file__)), "grammar")
    with open(os.path.join(folder, "qspec.lark"), encoding="utf-8") as file:
        return file.read()


@cache
def rules() -> Mapping[str, str]:
    """The right side of each rule by its name; terminals are left out."""
    found = {name: body for name, body in _RULE.findall(grammar()) if name.islower()}
    return MappingProxyType(found)


def keywords() -> frozenset[str]:
    """Every word that is a keyword somewhere."""
    return frozenset().union(*map(within, rules())) | before_numbers()


def reserved() -> frozenset[str]:
    """The words that are keywords everywhere."""
    return frozenset(_RESERVED.findall(grammar()))


def before_numbers() -> frozenset[str]:
    """The words that are keywords only before a number (`sparse 2:4`)."""
    return frozenset(_BEFORE_NUMBER.findall(grammar()))


def before_names() -> frozenset[str]:
    """The words that the grammar lets a name follow at once."""
    return frozenset(word for body in rules().values() for word in _BEFORE_NAME.findall(body))


def within(*names: str) -> frozenset[str]:
    """The words that rules write themselves."""
    texts = (text for name in names for text, *_ in _SYMBOL.findall(rules()[name]))
    return frozenset(text for text in texts if text.isidentifier())


def parts(name: str) -> frozenset[str]:
    """The rules that a rule is made of."""
    return frozenset(rule for _, rule, *_ in _SYMBOL.findall(rules()[name]) if rule)


def leading(name: str) -> frozenset[str]:
    """The words with which a rule may begin, through the rules it begins with."""
    found: set[str] = set()
    open_rules, seen = [name], {name}
    while open_rules:
        for text, rule in _first_symbols(rules()[open_rules.pop()]):
            if text.isidentifier():
                found.add(text)
            elif rule and rule not in seen:
                seen.add(rule)
                open_rules.append(rule)
    return frozenset(found)


def _first_symbols(body: str) -> Iterator[tuple[str, str]]:
    """(text in quotes, rule name) of what begins each alternative; one of them is empty."""
    depth, first = 0, True
    for text, rule, _, sign in _SYMBOL.findall(body):
        depth += (sign in ("(", "[")) - (sign in (")", "]"))
        if sign == "|" and depth == 0:
            first = True
        elif first and (text or rule):
            yield text, rule
            first = False
        elif not sign:
            first = False
