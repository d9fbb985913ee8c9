"""Fixes the arithmetic of fully quantized models to the bit, on integer tensors of torch.

A value is int16 codes q with a static f32 scale s and stands for q·s/256. Operands of products and
arguments of tables are its int8 codes round(q/256) within ±127, which count s. Intermediate sums
are int64. docs/integer.md states every operation.
"""
