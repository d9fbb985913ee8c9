"""Makes the server: every file of `requests`, each guarded against our own bugs."""

import gc
import logging
import os
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from importlib.metadata import version
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

import qdsl.lsp.requests
from qdsl.lsp.about import Explain
from qdsl.lsp.request import Refused, Request
from qdsl.lsp.session import Session
from qdsl.registry import collect


def serve(explain: Explain) -> None:
    """Serves one client over stdin and stdout, until it goes; `explain` gives a word's page."""
    logging.getLogger("pygls").setLevel(logging.CRITICAL)  # what matters is told to the client
    server = make_server(explain)
    # what is loaded now stays; the rest is collected in pauses (see `session`)
    gc.collect()
    gc.freeze()
    gc.disable()
    # the protocol has stdout to itself: what anything prints would break it
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as out, redirect_stdout(sys.stderr):
        server.start_io(stdout=out)


def make_server(explain: Explain) -> LanguageServer:
    """A server that has not started; `start_io` serves stdin and stdout."""
    server = LanguageServer("qdsl", version("qdsl"))
    session = Session(server, explain)
    for request in collect(qdsl.lsp.requests, Request).values():
        server.feature(request.method, request.options)(guarded(session, request))
    return server


def guarded(session: Session, request: Request) -> Callable[[Any], Any]:
    """Answers None to what fails by a bug; the server and its other answers go on."""

    def answer(params: Any) -> Any:
        try:
            return request.run(session, params)
        except Refused as refused:
            code = types.LSPErrorCodes.RequestFailed.value
            raise JsonRpcException(str(refused), code) from None
        except Exception:
            session.fail(request.method)
            return None

    return answer
