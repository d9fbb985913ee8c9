"""Runs one runtime in a process: prepares contenders and times them, one at a time, when told.

`python -m peers.worker MODULE THREADS` answers each line of JSON from the standard input with one.
"""

import importlib
import json
import os
import statistics
import sys
import time
from typing import Any

from peers.problem import Call, Contender, of

BATCH = 1e-4  # seconds of calls between two readings of the clock
ONCE = 0.03  # seconds: a call that takes longer needs no other to warm up


def median_seconds(call: Call, seconds: float) -> float:
    """Of a call, from as many as fit into the seconds, behind one that is not counted."""
    first = _elapsed(call, 1)
    if first > max(seconds, ONCE):
        return first
    count = max(1, int(BATCH / max(_elapsed(call, 1), 1e-7)))
    end = time.perf_counter() + seconds
    found = []
    while len(found) < 3 or time.perf_counter() < end:
        found.append(_elapsed(call, count))
    return statistics.median(found)


def _elapsed(call: Call, count: int) -> float:
    begin = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - begin) / count


class Worker:
    """Contenders of one problem, and the call of each that was timed last."""

    def __init__(self, module: Any, threads: int) -> None:
        self.module, self.threads = module, threads
        self.starts: dict[str, Any] = {}
        self.calls: dict[tuple[str, int], Call] = {}
        self.contenders: dict[str, Contender] = {}

    def prepare(self, kind: str, problem: dict[str, Any]) -> dict[str, Any]:
        """Bytes of each contender, and what failed."""
        self.calls.clear()
        self.starts.clear()
        self.contenders = {
            c.name: c for c in self.module.contenders(of(kind, problem), self.threads)
        }
        failed = {}
        for name, contender in self.contenders.items():
            try:
                self.starts[name] = contender.prepare()
                self._call(name, 1)()
            except Exception as error:  # a runtime may lack anything, and says so in its own way
                self.starts.pop(name, None)
                failed[name] = f"{type(error).__name__}: {str(error)[:200]}"
        bytes = {name: self.contenders[name].bytes for name in self.starts}
        return {"contenders": bytes, "failed": failed}

    def ask(self, what: str, **order: Any) -> dict[str, Any]:
        """What a runtime offers besides contenders: a function of its module."""
        answer: dict[str, Any] = getattr(self.module, what)(**order)
        return answer

    def time(self, name: str, rows: int, seconds: float) -> dict[str, Any]:
        """Seconds of solving the problem once."""
        call, contender = self._call(name, rows), self.contenders[name]
        if contender.own_clock:
            return {"seconds": call()}
        return {"seconds": median_seconds(call, seconds) / contender.solved}

    def _call(self, name: str, rows: int) -> Call:
        if (name, rows) not in self.calls:
            self.calls = {key: call for key, call in self.calls.items() if key[0] != name}
            self.calls[name, rows] = self.starts[name](rows)
        return self.calls[name, rows]


def main() -> None:
    name, threads = sys.argv[1], int(sys.argv[2])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a runtime prints is no answer

    def answer(value: dict[str, Any]) -> None:
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    try:
        module = importlib.import_module(f"peers.{name}")
        answer({"versions": module.start(threads)})
    except Exception as error:  # what is lacking, libraries say in their own ways
        return answer({"missing": f"{type(error).__name__}: {str(error)[:200]}"})
    worker = Worker(module, threads)
    for line in sys.stdin:
        order = json.loads(line)
        try:
            answer(getattr(worker, order.pop("do"))(**order))
        except Exception as error:  # the parent leaves out what failed and goes on
            answer({"error": f"{type(error).__name__}: {str(error)[:200]}"})


if __name__ == "__main__":
    main()
