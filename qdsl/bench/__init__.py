"""Measures programs and kernels beside what the machine can do at most."""
