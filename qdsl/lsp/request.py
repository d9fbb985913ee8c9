"""Defines what a file of `requests` holds, and how a request is refused."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qdsl.record import record

if TYPE_CHECKING:
    from qdsl.lsp.session import Session


@record
class Request:
    """A request or notification of the protocol; `run` gives the answer.

    `run` raises Refused with a message for the user. Anything else that it raises is a bug of
    this program: it is logged, and the request has no answer.
    """

    method: str
    run: Callable[["Session", Any], Any]
    options: Any = None


class Refused(Exception):
    """A request that cannot be done; the message tells the user why."""
