"""Looks at an installation: packages, back ends, kernels, and what is wrong with them."""
