"""Holds every function of the table to its rule of types."""

from collections.abc import Callable
from pathlib import Path

import pytest

from qdsl.sema.compile import compile_file
from qdsl.sema.functions import table

INPUTS = "x: f32[B, T, 8], n: i64[B, T], k: bool[B, T], at: i64[], s: f32[B, T, 15], e: f32[]"

RULES = {
    "silu(x)": "f32[B, T, 8]",
    "gelu(x)": "f32[B, T, 8]",
    "relu(x)": "f32[B, T, 8]",
    "tanh(x)": "f32[B, T, 8]",
    "sigmoid(x)": "f32[B, T, 8]",
    "exp(x)": "f32[B, T, 8]",
    "log(x)": "f32[B, T, 8]",
    "sqrt(x)": "f32[B, T, 8]",
    "x * sqrt(4)": "f32[B, T, 8]",
    "sin(x)": "f32[B, T, 8]",
    "cos(x)": "f32[B, T, 8]",
    "abs(n)": "i64[B, T]",
    "abs(x)": "f32[B, T, 8]",
    "glu(x)": "f32[B, T, 4]",
    "glu(x, axis = 2)": "f32[B, T, 4]",
    "where(k, n, 0)": "i64[B, T]",
    "where(k[:, :, none], x, 0.0)": "f32[B, T, 8]",
    "where(k[:, :, none], 1, x)": "f32[B, T, 8]",
    "cast(n, f32)": "f32[B, T]",
    "cast(x, i64)": "i64[B, T, 8]",
    "cast(x, bool)": "bool[B, T, 8]",
    "zeros(B, 3)": "f32[B, 3]",
    "full(0.5, B, T + 1)": "f32[B, T + 1]",
    "range(T)": "i64[T]",
    "dropout(x, 0.5)": "f32[B, T, 8]",
    "cat(x, x, axis = 1)": "f32[B, 2·T, 8]",
    "cat([x, s])": "f32[B, T, 23]",
    "stack(x, x, x)": "f32[3, B, T, 8]",
    "stack([x, x], axis = -1)": "f32[B, T, 8, 2]",
    "split(x, 4)[1]": "f32[B, T, 2]",
    "split(x, 2, axis = 2)[0]": "f32[B, T, 4]",
    "reshape(x, B * T, 8)": "f32[B·T, 8]",
    "expand(x[:, :, none], B, T, 5, 8)": "f32[B, T, 5, 8]",
    "pad(x, 1, 2, T)": "f32[B, 2·T + 2, 8]",
    "pad(n, 1, 1, 0, value = 1)": "i64[B, T + 1]",
    "windows(x, 3)": "f32[B, T - 2, 3, 8]",
    "windows(x, 4, stride = 2, axis = 2)": "f32[B, T, 3, 4]",
    "gather(x, n[:, :, none], 2)": "f32[B, T, 1]",
    "index_update(x, x[:, 0..1], at, axis = 1)": "f32[B, T, 8]",
    "relative_shift(s)": "f32[B, T, 8]",
    "max_pool(x, 2)": "f32[B, T // 2, 8]",
    "mean_pool(x, 4, stride = 2, axis = -1)": "f32[B, T, 3]",
    "sum(x, 1)": "f32[B, 8]",
    "sum(n, 1, keep = true)": "i64[B, 1]",
    "mean(x, -1)": "f32[B, T]",
    "max(x, 0)": "f32[T, 8]",
    "softmax(x)": "f32[B, T, 8]",
    "log_softmax(x, axis = 1)": "f32[B, T, 8]",
    'einsum(x, x, "btd,bsd->bts")': "f32[B, T, T]",
    "transpose(x, B, T, d -> d, B, T)": "f32[8, B, T]",
    "x[:, 0]": "f32[B, 8]",
    "x[:, -1, none]": "f32[B, 1, 8]",
    "x[:, 1.., 2..4]": "f32[B, T - 1, 2]",
    "x[:, ..-1]": "f32[B, T - 1, 8]",
    "-x + 2 * x / 3 - x": "f32[B, T, 8]",
    "n // 2 % 3": "i64[B, T]",
    "n < 3 and k or not k": "bool[B, T]",
    "x * e": "f32[B, T, 8]",
}

WRONG = {
    "glu(s)",
    "cat()",
    "stack()",
    "cat(x, n)",
    "cat(x, s, axis = 1)",
    "stack(x, s)",
    "split(x, 3)",
    "split(x, 0)",
    "reshape(x, B, T)",
    "expand(x, B, T, 9)",
    "gather(x, n, 2)",
    "gather(x, x, 2)",
    "index_update(x, n, at, 1)",
    "index_update(x, s, at, 1)",
    "index_update(x, x, e, 1)",
    "relative_shift(e)",
    "max_pool(x, 0)",
    "mean_pool(x, 2, stride = 0 - 1)",
    "windows(x, 2, stride = 0)",
    "mean(n, 0)",
    "sum(k, 5)",
    "softmax(n)",
    "log(n)",
    "n + 0.5",
    "0.5 + n",
    "k + k",
    "x + n",
    "where(k, n, 0.5)",
    "where(k, x, 0.0)",
    "x[0, 0, 0, 0]",
    "x[:, 3..2]",
}


@pytest.fixture
def result(tmp_path: Path) -> Callable[[str], str | list[str]]:
    """The type of an expression over the inputs, or the codes of what is wrong with it."""

    def of(expression: str) -> str | list[str]:
        path = tmp_path / "f.qspec"
        text = f"qspec 1 model M {{ entry run({INPUTS}) {{ return {expression} }} }}"
        path.write_text(text, encoding="utf-8")
        found = compile_file(path)
        if not found.ok:
            return [d.code for d in found.diagnostics]
        return str(found.variants["M"].model.entries[0].results[0])

    return of


@pytest.mark.parametrize(("expression", "expected"), RULES.items())
def test_types(result: Callable[[str], str], expression: str, expected: str) -> None:
    assert result(expression) == expected


@pytest.mark.parametrize("expression", sorted(WRONG))
def test_what_does_not_fit(result: Callable[[str], list[str]], expression: str) -> None:
    assert result(expression) == ["Q210"]


def test_the_table_is_whole() -> None:
    used = " ".join(RULES)
    assert [name for name in table() if f"{name}(" not in used] == []


@pytest.mark.parametrize("name", table())
def test_each_function_is_told_of(name: str) -> None:
    assert table()[name].doc.endswith(".")
