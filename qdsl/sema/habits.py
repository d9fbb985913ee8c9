"""Knows names of Python and PyTorch that stand for nothing here, and what is written instead."""

from collections.abc import Iterable, Mapping

from qdsl.diagnostic.suggest import suggestion

LAYERS = "layers and functions are named alone: `Linear(d -> d)`, `relu(x)`"
RESHAPE = "write `reshape(x, B, T * d)`, with every size"
NO_DEFAULT_NORM = "compose it of `mean`, `sqrt` and a `parameter`, or take `LayerNorm`"


def _function(name: str) -> str:
    return f"it is a function, not a layer: `{name}(x)`, or `{name}` as an argument"


NAMES: Mapping[str, str] = {
    "True": "write `true`",
    "False": "write `false`",
    "None": "write `none`",
    "self": "members are named alone: `norm(x)`",
    **dict.fromkeys(("nn", "torch", "F", "np", "math"), LAYERS),
    "print": "nothing is printed: `qdsl check --show ir` shows what is computed",
    # layers
    "ReLU": _function("relu"),
    "GELU": _function("gelu"),
    "SiLU": _function("silu"),
    "Tanh": _function("tanh"),
    "Sigmoid": _function("sigmoid"),
    "GLU": _function("glu"),
    "Softmax": _function("softmax"),
    "LogSoftmax": _function("log_softmax"),
    "Flatten": RESHAPE,
    "Identity": "leave it out, or write `none` where a member may be missing",
    **dict.fromkeys(
        ("MaxPool1d", "MaxPool2d"), "a function of one axis: `max_pool(x, 2, axis = 1)`"
    ),
    **dict.fromkeys(
        ("AvgPool1d", "AvgPool2d"), "a function of one axis: `mean_pool(x, 2, axis = 1)`"
    ),
    **dict.fromkeys(
        ("AdaptiveAvgPool1d", "AdaptiveAvgPool2d"), "take the mean of an axis: `mean(x, axis = 1)`"
    ),
    "Sequential": "name the members, and write `x |> up |> relu |> down`",
    "ModuleList": "members are repeated by `blocks = repeat n as i { … }`",
    "Parameter": "a parameter is a member: `parameter scale: f32[d] = ones`",
    "TransformerEncoderLayer": "add `import std.transformer { TransformerEncoderBlock }`",
    "TransformerDecoderLayer": "add `import std.transformer { TransformerDecoderBlock }`",
    **dict.fromkeys(("BatchNorm1d", "BatchNorm2d"), "write `BatchNorm(d)`"),
    **dict.fromkeys(
        ("GroupNorm", "InstanceNorm1d", "InstanceNorm2d", "RMSNorm"),
        f"there is no such layer: {NO_DEFAULT_NORM}",
    ),
    # functions
    **dict.fromkeys(("view", "flatten"), RESHAPE),
    "permute": "write `transpose(x, B, T, d -> B, d, T)`: axes are named",
    "unsqueeze": "write `x[:, none]`",
    "squeeze": "write `x[:, 0]`",
    "matmul": 'write `einsum(x, y, "btd,bsd->bts")`',
    "bmm": 'write `einsum(x, y, "btd,bds->bts")`',
    "chunk": "write `split(x, 2, axis = -1)`: an array of equal parts",
    "concat": "write `cat(x, y, axis = -1)`",
    "arange": "write `range(T)`",
    "ones": "write `full(1.0, B, T)`",
    "masked_fill": "write `where(keep, x, -1e9)`",
    "clamp": "there is no such function: `where(x < low, low, x)` is one half of it",
    "pow": "there is no such function: write `x * x`, or `exp(log(x) * p)` where x > 0",
    "rsqrt": "write `1.0 / sqrt(x)`",
}

PARAMETERS: Mapping[str, str] = {
    **dict.fromkeys(("dim", "dims"), "axis"),
    **dict.fromkeys(("keepdim", "keepdims"), "keep"),
    "kernel_size": "kernel",
    "normalized_shape": "features",
    "num_features": "features",
    "hidden_size": "hidden",
    "proj_size": "projection",
    "in_channels": "in_features",
    "input_size": "in_features",
}
"""Parameters by their names in PyTorch."""

SIZES = ("shape", "size", "dim", "ndim")


def habit_help(name: str, known: Iterable[str]) -> str | None:
    """A help line for a name of another language, or for a known one in other letters."""
    if help := NAMES.get(name):
        return help
    cased = min((n for n in known if n.lower() == name.lower()), default=None)
    return f"did you mean `{cased}`?" if cased else None


def unknown_name_help(name: str, known: Iterable[str]) -> str | None:
    """A help line for a name that is not known: what it is here, or else the nearest known one."""
    names = sorted(set(known))
    return habit_help(name, names) or suggestion(name, names)


def unknown_parameter_help(name: str, known: Iterable[str]) -> str | None:
    """A help line for an argument that is named as no parameter is."""
    names = set(known)
    meant = PARAMETERS.get(name)
    return f"did you mean `{meant}`?" if meant in names else suggestion(name, names)


def method_help(tensor: str, name: str, is_function: bool) -> str:
    """A help line for `x.view(…)` and `x.shape`, given the text of x and the name behind it."""
    if name in SIZES:
        return "sizes are the dims of its type: `B` in `x: f32[B, T]`"
    if name in ("T", "mT"):
        return f"tensors have no methods: {NAMES['permute']}"
    if is_function:
        return f"tensors have no methods: write `{name}({tensor})` or `{tensor} |> {name}`"
    if help := NAMES.get(name):
        return f"tensors have no methods: {help}"
    return f"tensors have no methods: a function takes the tensor, as in `relu({tensor})`"


def whole_division_help(value: object, text: str) -> str | None:
    """A help line where a whole number was wanted, and `/` made it a fraction."""
    if not isinstance(value, float) or not value.is_integer():
        return None
    left, sign, right = text.partition("/")
    if sign and right[:1] != "/" and "/" not in right:
        return f"`/` gives a float: write `{left}//{right}`"
    return f"write `{int(value)}`, or `//` in place of `/`, which gives a float"
