"""Makes literals, expressions and types."""

from collections.abc import Mapping
from dataclasses import replace

from qdsl.source import Span
from qdsl.syntax import tree
from qdsl.syntax.build.context import Build, Context

DIGITS = 18
"""Digits of the longest integer: what fits in 64 bits, and in no more memory than it takes."""

ESCAPES = {'"': '"', "\\": "\\", "n": "\n"}


def integer(context: Context, span: Span, text: str) -> tree.Integer:
    digits = text.replace("_", "")
    if len(digits) > DIGITS:
        message = f"integer of {len(digits)} digits"
        context.report("Q008", message, span, help=f"an integer has at most {DIGITS}")
        text = digits = "0"
    value = int(digits)
    return tree.Integer(value, text if digits == str(value) else str(value), span)


def float_(context: Context, span: Span, text: str) -> tree.Float:
    value = float(text.replace("_", ""))
    if value in (0.0, float("inf")) and text.strip("0_.eE+-"):
        context.report("Q008", "number out of range", span, help="numbers are 64-bit floats")
        value = 0.0
    return tree.Float(value, text, span)


def string(context: Context, span: Span, text: str) -> tree.String:
    if "\\" not in text:
        return tree.String(text[1:-1], span)
    value, i = "", 1
    while i < len(text) - 1:
        if text[i] == "\\":
            i += 1
            if text[i] not in ESCAPES:
                place = Span(span.source, span.start + i - 1, span.start + i + 1)
                help = 'a string knows `\\"`, `\\\\` and `\\n`'
                context.report("Q019", f"unknown escape `\\{text[i]}`", place, help=help)
            value += ESCAPES.get(text[i], text[i])
        else:
            value += text[i]
        i += 1
    return tree.String(value, span)


def parentheses(_: Context, span: Span, value: tree.Expr) -> tree.Expr:
    return replace(value, span=span)


LEAVES: Mapping[str, Build] = {
    "NAME": lambda c, s, text: tree.Name(text, s),
    "INTEGER": integer,
    "FLOAT": float_,
    "STRING": string,
}

EXPRESSIONS: Mapping[str, Build] = {
    "if": lambda c, s, condition, then, other: tree.If(condition, then, other, s),
    "branch": lambda c, s, *parts: tree.Branch(parts[:-1], parts[-1], s),
    "repeat_branch": lambda c, s, repeat: tree.Branch((), (repeat,), s),
    "else_if": lambda c, s, value: tree.Branch((), (value,), s),
    "repeat": lambda c, s, count, index, body: tree.Repeat(count, index, body, s),
    "expressions": lambda c, s, *values: values,
    "pipe": lambda c, s, value, call: tree.Pipe(value, call, s),
    "binary": lambda c, s, left, sign, right: tree.Binary(sign, left, right, s),
    "unary": lambda c, s, sign, operand: tree.Unary(sign, operand, s),
    "is_none": lambda c, s, operand: tree.IsNone(operand, False, s),
    "is_not_none": lambda c, s, operand: tree.IsNone(operand, True, s),
    "attribute": lambda c, s, value, name: tree.Attribute(value, name, s),
    "call": lambda c, s, callee, *arguments: tree.Call(callee, arguments, s),
    "subscript": lambda c, s, value, *indices: tree.Subscript(value, indices, s),
    "true": lambda c, s: tree.Boolean(True, s),
    "false": lambda c, s: tree.Boolean(False, s),
    "none": lambda c, s: tree.NoneLiteral(s),
    "parentheses": parentheses,
    "array": lambda c, s, *elements: tree.Array(elements, s),
    "argument": lambda c, s, value: tree.Argument(None, value, False, s),
    "named_argument": lambda c, s, name, value: tree.Argument(name, value, False, s),
    "each_argument": lambda c, s, value: tree.Argument(None, value, True, s),
    "named_each_argument": lambda c, s, name, value: tree.Argument(name, value, True, s),
    "arrow": lambda c, s, left, right: tree.Arrow(left, right, s),
    "whole": lambda c, s: tree.Whole(s),
    "slice": lambda c, s, start, stop: tree.Slice(start, stop, s),
    "range": lambda c, s, start, stop: tree.Slice(start, stop, s),
    "sparse": lambda c, s, value, _, sparsity: tree.Sparse(value, sparsity, s),
    "ratio": lambda c, s, kept, group: tree.Ratio(kept.value, group.value, s),
    "share": lambda c, s, percent: tree.Share(percent.span.text.replace("_", ""), s),
    "tensor_type": lambda c, s, dtype, dims: tree.TensorType(dtype, dims or (), s),
    "dims": lambda c, s, *dims: dims,
    "array_type": lambda c, s, element, count: tree.ArrayType(element, count, s),
}

NESTING = frozenset(
    "if repeat pipe binary unary is_none is_not_none attribute call subscript array sparse for "
    "arrow array_type".split()
)
"""The nodes that count as a level of nesting."""
