"""Probes inputs in a process of its own, which may crash, hang or run out of memory."""

import resource
import tempfile
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path

import qdsl.__main__  # noqa: F401 which tunes the garbage collector as commands have it
from tests.fuzz.inputs import make
from tests.fuzz.probe import MEMORY, Outcome, probe

SILENCE = 60.0
"""Seconds without an answer after which the process is stopped: it hangs where nothing can look."""

AGE = 1000
"""Inputs that one process takes."""

Request = bytes | tuple[int, int]
"""An input, or the seed and number from which it is made."""


def data_of(request: Request) -> bytes:
    return request if isinstance(request, bytes) else make(*request)


def serve(connection: Connection) -> None:
    """Answers requests with outcomes, in the new process, until the other end is closed."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory() as folder:
        while True:
            try:
                request = connection.recv()
            except EOFError:
                return
            connection.send(probe(data_of(request), Path(folder)))


@dataclass
class Worker:
    """One process at a time, replaced when it dies, hangs or grows old."""

    process: SpawnProcess | None = None
    connection: Connection | None = None
    answered: int = field(default=0)

    def ask(self, request: Request) -> Outcome:
        """The outcome of an input; a finding where there is no answer."""
        if self.process is None or self.connection is None or self.answered >= AGE:
            self.connection = self._start()
        try:
            self.connection.send(request)
            if self.connection.poll(SILENCE):
                outcome: Outcome = self.connection.recv()
                self.answered += 1
                return outcome
            lost = "process: hangs where no signal reaches it"
        except (EOFError, OSError):
            lost = "process: dies"
        self.stop()
        return Outcome(findings=[lost])

    def _start(self) -> Connection:
        self.stop()
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        self.answered = 0
        return ours

    def stop(self) -> None:
        if self.connection is not None:
            self.connection.close()
        if self.process is not None:
            self.process.kill()
            self.process.join()
        self.process = self.connection = None
