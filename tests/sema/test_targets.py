"""Holds targets to their profiles: those that are shipped, and items that extend them."""

from collections.abc import Callable
from importlib.util import find_spec

import pytest

from qdsl.devices import Profile, load_profile, parse_bytes, profile_names
from qdsl.devices.profile import TRAITS
from qdsl.registry import entry_points, load_entry_point
from qdsl.sema.compile import Variant
from qdsl.sema.language import format_names

MODEL = "model Net { map = Linear(8 -> 8)  entry run(x: f32[B, 8]) { return map(x) } }\n"
Codes = Callable[..., list[str]]


@pytest.fixture
def target(variant: Callable[..., Variant]) -> Callable[[str], Profile]:
    """The target of a variant that the text declares."""

    def of(text: str) -> Profile:
        found = variant(f"{MODEL} {text}").target
        assert found is not None
        return found

    return of


@pytest.mark.parametrize("name", profile_names())
def test_shipped_profiles_are_whole(name: str) -> None:
    profile = load_profile(name)
    assert profile.doc
    if name != "reference":  # which is any machine
        assert all(getattr(profile, t) for t in TRAITS if t != "sparsity")
    assert set(profile.formats) | set(profile.activations) <= format_names()


def test_a_variant_names_a_profile(target: Callable[[str], Profile]) -> None:
    assert target("variant a { model = Net  target = phone }") == load_profile("phone")


def test_an_item_goes_on_from_what_it_extends(target: Callable[[str], Profile]) -> None:
    found = target("""
        target watch extends small { formats = [int8] }
        target small extends phone { memory = 64 MiB; sparsity = ["2:4"] }
        variant a { model = Net  target = watch }
    """)
    phone = load_profile("phone")
    assert (found.name, found.memory, found.formats) == ("watch", 64 << 20, ("int8",))
    assert (found.backend, found.bandwidth) == (phone.backend, phone.bandwidth)
    assert found.sparsity == ("2:4",)


def test_an_item_may_shadow_a_profile(target: Callable[[str], Profile]) -> None:
    text = "target cpu extends cpu { memory = 1 GiB } variant a { model = Net  target = cpu }"
    found = target(text)
    assert (found.memory, found.backend) == (1 << 30, "cpu")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("target a extends b {} target b extends a {}", ["Q313"]),
        ("target a { memory = 1 MiB; memory = 2 MiB }", ["Q205"]),
        ("target a { memory = none }", ["Q321"]),
        ("target a { formats = [1] }", ["Q321"]),
        ("target a { memory = 4.8 KiB; backend = cuda; formats = [in8, itn4] }", ["Q321"] * 4),
        ("target a { memry = 1 KiB; memory = 1 MiB; memory = 2 MiB }", ["Q321", "Q205"]),
        ("target a { backend = gpu }", []),
        ("target a extends Net {}", ["Q101"]),
        ("variant v { model = Net  target = small() }", ["Q201"]),
        ("variant v { model = Net  target.memory = 3 }", ["Q314"]),
    ],
)
def test_wrong_targets(codes: Codes, text: str, expected: list[str]) -> None:
    assert codes(MODEL + text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("64 MiB", 64 << 20), ("1.5 KiB", 1536), ("0.3 B", None), ("3 x", None), ("GB", None)],
)
def test_bytes(text: str, expected: int | None) -> None:
    assert parse_bytes(text) == expected


@pytest.mark.skipif(find_spec("qdsl_cpu") is None, reason="the back end cpu is not installed")
def test_cpu_lists_what_its_kernels_serve() -> None:
    backend = load_entry_point(entry_points("qdsl.backends")["cpu"])
    if not (capabilities := backend.capabilities()):  # type: ignore[attr-defined]
        pytest.skip("the kernels are not built")
    bits = {n for c in capabilities if c.grid == "integer" for n in c.bits}
    served = {f"{sign}{n}" for n in bits for sign in ("int", "uint")}
    served |= {c.grid for c in capabilities if c.grid != "integer"}
    assert served & format_names() <= set(load_profile("cpu").formats)
    assert {"int8", "uint4", "ternary", "binary"} <= served
