"""Provokes what `qdsl bench` finds in sizes."""

from collections.abc import Callable
from pathlib import Path

from qdsl.spec import Variant

Net = Callable[..., Variant]
Said = Callable[..., None]


def test_a_dim_that_the_entry_has_not(said: Said, net: Net) -> None:
    net()
    assert Path("net.qspec").is_file()
    said("Q750", "bench", "net.qspec#small", "--shape", "N=3")


def test_a_back_end_that_has_nothing_to_tune(said: Said, net: Net) -> None:
    net()
    said("Q751", "tune", "net.qspec#small", "--backend", "reference")
