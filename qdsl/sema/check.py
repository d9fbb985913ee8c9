"""Defines a check: what can be said of a file from its text, also of blocks that nothing makes."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache

import qdsl.sema.checks
from qdsl.record import record
from qdsl.registry import collect
from qdsl.sema.context import Context
from qdsl.sema.scope import FileScope

UNKNOWN_NAME = "Q101"


@record
class Check:
    """Reports to the context; notes in the scope which names are `used`, and which `broken`."""

    name: str
    run: Callable[[FileScope, Context], None]


def run_checks(scopes: Iterable[FileScope], context: Context) -> None:
    """Every check on every file, but for the std modules, which are checked by tests.

    A file with syntax errors has lost parts: there, only names are told that stand nowhere else.
    """
    for scope in scopes:
        if scope.damaged:
            _report_certain(scope, context)
            continue
        for check in _checks():
            check.run(scope, context)


@cache
def _checks() -> tuple[Check, ...]:
    return tuple(collect(qdsl.sema.checks, Check).values())


def _report_certain(scope: FileScope, context: Context) -> None:
    trial = Context()
    for check in _checks():
        check.run(scope, trial)
    words = Counter(re.findall(r"\w+", scope.file.source.text))
    for diagnostic in trial.diagnostics:
        if diagnostic.code == UNKNOWN_NAME and diagnostic.primary:
            if words[diagnostic.primary.span.text] == 1:
                context.report(diagnostic)
