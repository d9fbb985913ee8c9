"""What may be said of a format, and the words for what may not."""

import pytest

from qdsl import formats, registry
from qdsl.formats import (
    Family,
    FormatError,
    check_activations,
    check_format,
    check_shape,
    format_warning,
    make_activation_format,
    make_weight_format,
)
from qdsl.ir.format import (
    ActivationFormat,
    FloatFormat,
    FloatType,
    FloatZero,
    IntegerGrid,
    IntegerZero,
    Levels,
    PerGroup,
    PerTensor,
    WeightFormat,
)
from qdsl.ir.pattern import NM, Dense, Unstructured

FAMILIES = registry.collect(formats, Family)
NO_PATTERN = Dense()


def make(name, options=None, flags=(), pattern=NO_PATTERN):
    return make_weight_format(FAMILIES[name], options or {}, flags, pattern)


def test_one_file_is_one_format_of_its_name():
    names = "bf16 binary f16 f32 int2 int3 int4 int5 int6 int7 int8"
    names += " kmeans2 kmeans3 kmeans4 nf4 ternary uint2 uint3 uint4 uint5 uint6 uint7 uint8"
    assert " ".join(FAMILIES) == names
    assert all(family.name == name for name, family in FAMILIES.items())
    assert all(family.doc and family.source for family in FAMILIES.values())


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_defaults_are_symmetric_per_channel_with_f32_scales(name):
    if not getattr(FAMILIES[name].grid, "signed", True):
        assert make(name).message == f"`{name}` has no codes for negative weights"
        return
    assert str(make(name)) == name
    assert make(name).scale is FloatType.F32


def test_levels_are_narrow_at_8_bits_full_below_and_full_where_asymmetric():
    assert make("int8").grid == IntegerGrid(8, levels=Levels.NARROW)
    assert make("int7").grid == IntegerGrid(7, levels=Levels.FULL)
    assert make("int8", flags=("asymmetric",)).grid == IntegerGrid(8, levels=Levels.FULL)


@pytest.mark.parametrize(
    ("name", "options", "flags", "pattern", "text"),
    [
        (
            "int4",
            {"group": 64},
            ("asymmetric",),
            NM(2, 4),
            "int4(group = 64, asymmetric) sparse 2:4",
        ),
        (
            "int4",
            {"clip": 0.75, "scale": "bf16"},
            (),
            NO_PATTERN,
            "int4(scale = bf16, clip = 0.75)",
        ),
        ("int2", {"levels": "half", "per": "tensor"}, (), NO_PATTERN, None),
        ("int8", {"zero": "f16"}, ("asymmetric",), NO_PATTERN, "int8(asymmetric, zero = f16)"),
        ("ternary", {"rule": "threshold", "group": 8, "tail": "short"}, (), NO_PATTERN, None),
        (
            "binary",
            {"ste": "identity"},
            ("center",),
            NM(1, 2),
            "binary(center, ste = identity) sparse 1:2",
        ),
        (
            "int4",
            {"group": 8, "index": "combination"},
            (),
            NM(2, 4),
            "int4(group = 8, index = combination) sparse 2:4",
        ),
        ("f32", {}, (), NM(2, 4), "f32 sparse 2:4"),
        ("bf16", {"index": "combination"}, (), NM(33, 66), None),
        ("int4", {}, (), Unstructured(900_000), "int4 sparse 90%"),
        ("uint3", {}, ("asymmetric",), Unstructured(975_000), "uint3(asymmetric) sparse 97.5%"),
        ("f16", {}, (), Unstructured(1), "f16 sparse 0.0001%"),
        ("int2", {"clip": "learned"}, (), NM(1, 4), "int2(clip = learned) sparse 1:4"),
        ("int2", {"clip": "search", "clip_norm": 2, "clip_per": "channel"}, (), NO_PATTERN, None),
        (
            "int2",
            {"group": 8, "clip": "search", "clip_norm": 4, "clip_per": "channel"},
            ("asymmetric",),
            NO_PATTERN,
            "int2(group = 8, asymmetric, clip = search, clip_norm = 4, clip_per = channel)",
        ),
        ("nf4", {"group": 64, "scale": "f16"}, (), NM(2, 4), None),
        ("nf4", {}, (), Unstructured(900_000), "nf4 sparse 90%"),
        ("kmeans3", {"per": "tensor"}, (), NM(2, 4), "kmeans3(per = tensor) sparse 2:4"),
    ],
)
def test_what_may_be_said(name, options, flags, pattern, text):
    format = make(name, options, flags, pattern)
    assert isinstance(format, WeightFormat)
    assert check_format(format) is None
    assert text is None or str(format) == text


def test_the_value_has_what_was_said():
    format = make("int4", {"group": 64, "tail": "short", "zero": "bf16"}, ("asymmetric",))
    assert format.grouping == PerGroup(64, short_tail=True)
    assert format.zero == FloatZero(FloatType.BF16)
    assert make("int4", {}, ("asymmetric",)).zero == IntegerZero()


@pytest.mark.parametrize(
    ("name", "options", "flags", "message"),
    [
        ("int4", {"grup": 4}, (), "`int4` takes no option `grup`"),
        ("f32", {"group": 4}, (), "`f32` takes no option `group`"),
        ("binary", {}, ("asymmetric",), "`binary` takes no option `asymmetric`"),
        ("ternary", {"clip": "search"}, (), "`ternary` takes no option `clip`"),
        ("int4", {"asymmetric": 1}, (), "`asymmetric` takes no value"),
        ("int4", {}, ("group",), "`group` needs a value"),
        ("int4", {"group": 0}, (), "`group` is `0`, must be a positive integer"),
        ("int4", {"group": 4.0}, (), "`group` is `4.0`, must be a positive integer"),
        ("int4", {"group": 4, "per": "channel"}, (), "`group` and `per` exclude each other"),
        ("int4", {"per": "token"}, (), "`per = token` is for activations"),
        ("int4", {"per": "row"}, (), "`per` is `row`"),
        ("int4", {"tail": "short"}, (), "`tail` without `group`"),
        ("int4", {"zero": "f32"}, (), "`zero` in a symmetric format"),
        ("int4", {}, ("symmetric", "asymmetric"), "both `symmetric` and `asymmetric`"),
        ("int4", {}, ("dynamic",), "`dynamic` is for activations, a weight has its range"),
        ("int4", {"scale": "f64"}, (), "`scale` is `f64`"),
        ("int4", {"clip": 0.29}, (), "`clip` is 0.29"),
        ("int4", {"clip": "some"}, (), "`clip` is `some`"),
        ("int4", {"clip": "learned"}, ("asymmetric",), "`clip = learned` in an asymmetric format"),
        ("int4", {"levels": "half"}, ("asymmetric",), "`levels = half` in an asymmetric format"),
        ("int4", {"clip_norm": 1}, (), "`clip_norm` without `clip = search`"),
        (
            "int4",
            {"clip": "learned", "clip_per": "tensor"},
            (),
            "`clip_per` without `clip = search`",
        ),
        ("int4", {"clip": "search", "clip_norm": 3}, (), "`clip_norm` is `3`"),
        ("int4", {"clip": "search", "clip_per": "row"}, (), "`clip_per` is `row`"),
        (
            "int4",
            {"clip": "search", "clip_per": "group"},
            (),
            "`clip_per = group` where a scale is per channel",
        ),
        (
            "int4",
            {"per": "tensor", "clip": "search", "clip_per": "channel"},
            (),
            "`clip_per = channel` where a scale is per tensor",
        ),
        ("nf4", {"clip": "search"}, (), "`nf4` takes no option `clip`"),
        ("kmeans4", {}, ("asymmetric",), "`kmeans4` takes no option `asymmetric`"),
    ],
)
def test_what_may_not_be_said(name, options, flags, message):
    error = make(name, options, flags)
    assert isinstance(error, FormatError)
    assert error.message == message
    assert f"`{error.option}" in message or f"`{error.option}" in (error.help or "")


@pytest.mark.parametrize(
    ("name", "options", "flags", "pattern", "option", "message"),
    [
        ("int4", {"zero": "f32"}, ("asymmetric",), NM(2, 4), "zero", "a float zero point with"),
        ("int4", {"levels": "half"}, (), NM(2, 4), "levels", "`levels = half` with N:M sparsity"),
        ("int4", {"group": 6}, (), NM(2, 4), "group", "`group = 6` is not a multiple of the 4 of"),
        ("int4", {}, (), NM(4, 4), "sparse", "`sparse 4:4`"),
        ("int4", {}, (), NM(0, 4), "sparse", "`sparse 0:4`"),
        ("int4", {}, (), NM(1, 257), "sparse", "`sparse 1:257`"),
        ("int4", {}, (), Unstructured(0), "sparse", "`sparse 0%`"),
        ("int4", {}, (), Unstructured(1_000_000), "sparse", "`sparse 100%`"),
        ("binary", {}, (), Unstructured(900_000), "sparse", "`binary` has no code of 0"),
        ("kmeans4", {}, (), Unstructured(900_000), "sparse", "`kmeans4` has no code of 0"),
        ("int4", {"levels": "half"}, (), Unstructured(5), "levels", "`levels = half` with"),
        ("int4", {"zero": "f32"}, ("asymmetric",), Unstructured(5), "zero", "a float zero point"),
        ("int4", {"index": "combination"}, (), Dense(), "index", "`index` without `sparse N:M`"),
        ("f16", {"index": "rank"}, (), NM(2, 4), "index", "`index` is `rank`"),
        ("int4", {"index": "combination"}, (), NM(34, 68), "index", "`sparse 34:68` has more than"),
    ],
)
def test_what_may_not_be_said_of_sparse_weights(name, options, flags, pattern, option, message):
    error = make(name, options, flags, pattern)
    assert isinstance(error, FormatError)
    assert error.option == option
    assert error.message.startswith(message)


def test_an_unknown_option_suggests_the_one_that_was_meant():
    assert make("int4", {"grup": 4}).help == "did you mean `group`?"


@pytest.mark.parametrize(
    ("name", "options", "k", "message"),
    [
        ("int4", {"group": 64}, 128, None),
        ("int4", {"group": 64, "tail": "short"}, 80, None),
        ("int4", {"group": 64}, 80, "`group = 64` does not divide the 80 weights of a row"),
        ("int4", {"group": 128}, 64, "`group = 128` does not divide the 64 weights of a row"),
        ("int4", {}, 7, None),
    ],
)
def test_a_group_must_divide_the_row(name, options, k, message):
    error = check_shape(make(name, options), 10, k)
    assert (error and error.message) == message


def test_the_help_for_a_group_names_those_that_fit():
    help = "write `group = 40` or `group = 80`, or add `tail = short`"
    assert check_shape(make("int4", {"group": 64}), 1, 80).help == help


def test_nm_must_divide_the_row_even_with_a_short_tail():
    format = make("int4", {"group": 8, "tail": "short"}, (), NM(2, 4))
    assert check_shape(format, 1, 12) is None
    message = "`sparse 2:4` does not divide the 10 weights of a row"
    assert check_shape(format, 1, 10).message == message


def test_narrow_int2_is_ternary_and_says_so():
    warned = format_warning(make("int2", {"levels": "narrow"}))
    assert warned.message == "`int2` with narrow levels has only the codes -1, 0 and 1"
    assert format_warning(make("int2")) is None


@pytest.mark.parametrize(
    ("options", "flags", "expected"),
    [
        ({}, ("dynamic",), ActivationFormat()),
        ({"per": "tensor"}, ("dynamic",), ActivationFormat(PerTensor())),
    ],
)
def test_dynamic_int8_rounds_activations(options, flags, expected):
    assert make_activation_format(FAMILIES["int8"], options, flags) == expected


def test_bf16_activations_store_nothing():
    format = make_activation_format(FAMILIES["bf16"], {}, ())
    assert (str(format), format.range_bytes) == ("bf16", (0, 0))
    assert check_activations(format) is None


@pytest.mark.parametrize("type", [FloatType.F32, FloatType.F16])
def test_values_are_rounded_to_no_other_float(type):
    found = check_activations(FloatFormat(type))
    assert found.message == f"values are not rounded to `{type}`"


@pytest.mark.parametrize(
    ("name", "options", "flags", "text", "nbytes"),
    [
        ("int8", {}, (), "int8(static)", (4, 0)),
        ("int8", {"per": "tensor"}, ("static", "symmetric"), "int8(static)", (4, 0)),
        ("uint8", {}, ("asymmetric",), "uint8(static, asymmetric)", (4, 1)),
        ("int4", {}, (), "int4(static)", (4, 0)),
        ("int4", {"levels": "narrow"}, (), "int4(static, levels = narrow)", (4, 0)),
        ("uint8", {"clip": "learned"}, (), "uint8(static, clip = learned)", (4, 0)),
        ("int8", {"clip": None}, (), "int8(static)", (4, 0)),
    ],
)
def test_integers_in_a_static_range_store_it(name, options, flags, text, nbytes):
    format = make_activation_format(FAMILIES[name], options, flags)
    assert (str(format), format.range_bytes) == (text, nbytes)


@pytest.mark.parametrize(
    ("name", "options", "flags", "message"),
    [
        ("int4", {}, ("dynamic",), "dynamic activations of `int4`"),
        ("f16", {}, (), "values are not rounded to `f16`"),
        ("bf16", {}, ("dynamic",), "`bf16` takes no option `dynamic`"),
        ("bf16", {"per": "token"}, (), "`bf16` takes no option `per`"),
        ("int8", {"per": "token"}, (), "a static range is one for all tokens"),
        ("int8", {"levels": "half"}, (), "`levels = half` has no exact 0"),
        ("int8", {}, ("symmetric", "asymmetric"), "both `symmetric` and `asymmetric`"),
        ("int8", {"group": 4}, ("dynamic",), "`int8` takes no option `group`"),
        ("int8", {"clip": "learned"}, ("dynamic",), "dynamic activations take no option `clip`"),
        ("int8", {"clip": "learned"}, ("asymmetric",), "a learned clip of an asymmetric range"),
        ("int8", {"clip": "search"}, (), "`clip` is `search`"),
        ("int8", {"per": "channel"}, ("dynamic",), "`per` is `channel`"),
    ],
)
def test_other_activations_are_refused(name, options, flags, message):
    assert make_activation_format(FAMILIES[name], options, flags).message == message
