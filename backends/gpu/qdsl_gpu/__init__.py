"""Runs packed weights on GPUs: kernels of Triton and the operations of torch over them.

Importing the package loads neither torch nor Triton.
"""

from qdsl_gpu.backend import BACKEND

__all__ = ("BACKEND",)
