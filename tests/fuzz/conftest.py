"""Gives the tests a process that probes inputs within limits of time and memory."""

from collections.abc import Iterator

import pytest

from tests.fuzz.worker import Worker


@pytest.fixture(scope="session")
def worker() -> Iterator[Worker]:
    started = Worker()
    yield started
    started.stop()
