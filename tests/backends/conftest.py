"""Gives the tests of every back end with kernels of integer arithmetic what those are given."""

import os
import sys
from collections.abc import Callable
from typing import Any

import pytest

sys.path.insert(0, os.path.dirname(__file__))
from integer_products import PRODUCTS
from integer_values import VALUES, Draw

del sys.path[0]


@pytest.fixture
def draw() -> Callable[..., Draw]:
    """Makes the operands of an example, of a seed and a shape."""
    return Draw


@pytest.fixture
def values() -> Callable[[str, Draw], tuple[Any, ...]]:
    """Arguments of an operation without weights, by its name."""
    return lambda name, d: VALUES[name](d)


@pytest.fixture
def products() -> Callable[[str, Draw], list[tuple[Any, ...]]]:
    """Arguments of a product by its name, as the reference has them and as the back end has."""
    return lambda name, d: PRODUCTS[name](d)
