"""Runs packed weights on processors: C++ kernels and the operations of torch over them.

Importing the package loads neither torch nor the kernels.
"""

from qdsl_cpu.backend import BACKEND

__all__ = ("BACKEND",)
