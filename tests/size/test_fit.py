"""Holds open formats to their interval of sizes, and `fit` to the best choice there is."""

from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qdsl.diagnostic.model import QdslError
from qdsl.diagnostic.render import full
from qdsl.fit import fit
from qdsl.size.assignment import noise
from qdsl.size.choices import format_bytes, from_texts
from qdsl.size.interval import interval_text, judged_text
from qdsl.size.lock import Locked, lock_path, lock_text, parse_lock, variant_hash
from qdsl.spec import Variant, check_spec, load_spec

MODEL = """qspec 1

model Net(d: int = 64) {
    up = Linear(d -> 256)
    down = Linear(256 -> d)
    out = Linear(d -> d, bias = false)

    entry run(x: f32[B, d]) { return up(x) |> relu |> down |> out }
}

format low = any(int4(group = 64), int2(group = 64, scale = f16))

policy p for Net {
    default { weights = f32 }
    up { weights = any(low, int8) }
    down { weights = low }
    out { weights = any(int8, ternary) }
}

budget b {
    size(*) <= LIMIT
    size(out) >= 1 KiB
    params(*) <= 1 M
}

variant v {
    model = Net
    policy = p
    budget = b
}
"""

GOLDEN = Path(__file__).parents[1] / "golden" / "size"


@pytest.fixture
def variant(tmp_path: Path) -> Callable[[str], Variant]:
    """The variant of MODEL under a limit of the file's size."""

    def of(limit: str) -> Variant:
        path = tmp_path / "net.qspec"
        path.write_text(MODEL.replace("LIMIT", limit), encoding="utf-8")
        spec = check_spec(path)
        assert not spec.diagnostics, full(spec.diagnostics, color=False)
        return spec.variants["v"]

    return of


Variants = Callable[[str], Variant]


def test_sizes_lie_in_the_interval(variant: Variants, golden: Callable[[Path, str], None]) -> None:
    found = variant("24 KiB")
    lines = [interval_text(found.interval()), *map(judged_text, found.judged_interval())]
    golden(GOLDEN / "interval.txt", "\n".join(lines) + "\n")
    interval = found.interval()
    for choices in _every_choice(found):
        total = found.with_formats(choices).size().total_bytes
        assert interval.least.total_bytes <= total <= interval.most.total_bytes


def test_an_open_variant_is_neither_sized_nor_built(
    variant: Variants, golden: Callable[[Path, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(variant("24 KiB").label.partition("#")[0])
    monkeypatch.chdir(path.parent)
    found = check_spec(path.name).variants["v"]
    for refused in (found.size, found.program, lambda: found.diff(found)):
        with pytest.raises(QdslError) as failure:
            refused()
    golden(GOLDEN / "Q404-open-format.txt", full(failure.value.diagnostics, color=False))


def _every_choice(found: Variant) -> list[dict[str, str]]:
    paths = [s.path for s in found.open]
    return [
        dict(zip(paths, map(str, formats), strict=True))
        for formats in product(*(s.choices for s in found.open))
    ]


def _noise(found: Variant, choices: dict[str, str]) -> float:
    choose = from_texts(choices)
    return sum(noise(s, choose(s)) for s in found.open)


@pytest.mark.parametrize("kib", [13, 15, 17, 20, 24, 28, 40])
def test_fit_is_the_best_of_all_choices(variant: Variants, kib: int) -> None:
    found = variant(f"{kib} KiB")
    held = [
        c for c in _every_choice(found) if all(o.held for o in found.with_formats(c).outcomes())
    ]
    if not held:
        with pytest.raises(QdslError) as failure:
            fit(found)
        assert [d.code for d in failure.value.diagnostics] == ["Q407"]
        return
    chosen = fit(found)
    assert chosen in held
    assert _noise(found, chosen) == pytest.approx(min(_noise(found, c) for c in held))


def test_fit_takes_what_the_target_serves(variant: Variants) -> None:
    path = Path(variant("40 KiB").label.partition("#")[0])
    text = path.read_text().replace("    budget = b\n", "    budget = b\n    target = small\n")
    for formats, expected in (
        ("int2, ternary", {"int2", "ternary"}),
        ("int4, int8", {"int4", "int8"}),
    ):
        path.write_text(f"{text}\ntarget small {{ formats = [{formats}] }}\n")
        found = check_spec(path).variants["v"]
        assert found.findings() == ()
        chosen = fit(found)
        assert found.with_formats(chosen).findings() == ()
        assert {f.partition("(")[0] for f in chosen.values()} <= expected
    path.write_text(f"{text}\ntarget small {{ formats = [binary] }}\n")
    with pytest.raises(QdslError) as failure:
        fit(check_spec(path).variants["v"])
    assert [d.code for d in failure.value.diagnostics] == ["Q407"]


def test_fit_keeps_to_the_memory_of_the_target(variant: Variants) -> None:
    path = Path(variant("1 MiB").label.partition("#")[0])
    text = path.read_text().replace("    budget = b\n", "    budget = b\n    target = small\n")
    for memory, fits in (("20 KiB", True), ("12 KiB", False)):
        path.write_text(f"{text}\ntarget small {{ memory = {memory} }}\n")
        found = check_spec(path).variants["v"]
        if fits:
            fitted = found.with_formats(fit(found))
            assert fitted.size().total_bytes <= 20 << 10
            assert fitted.findings() == ()
        else:
            with pytest.raises(QdslError) as failure:
                fit(found)
            assert [d.code for d in failure.value.diagnostics] == ["Q407"]
            assert [d.code for d in found.findings()] == ["Q405"]


def test_a_lock_settles_the_variant_until_the_model_changes(variant: Variants) -> None:
    found = variant("24 KiB")
    path = Path(found.label.partition("#")[0])
    chosen = fit(found)
    locked = {"v": Locked(variant_hash(found.resolved.model), chosen)}
    lock_path(path).write_text(lock_text(locked), encoding="utf-8")
    settled = load_spec(path).variants["v"]
    assert not settled.open
    assert settled.size().total_bytes == found.with_formats(chosen).size().total_bytes
    path.write_text(path.read_text().replace("d: int = 64", "d: int = 128"), encoding="utf-8")
    changed = check_spec(path)
    assert [d.code for d in changed.diagnostics] == ["Q406"]
    assert changed.variants["v"].open


def test_a_comment_changes_no_lock(variant: Variants) -> None:
    found = variant("24 KiB")
    path = Path(found.label.partition("#")[0])
    before = variant_hash(found.resolved.model)
    path.write_text(path.read_text().replace("    up =", "    # wide\n    up ="))
    assert variant_hash(check_spec(path).variants["v"].resolved.model) == before


def test_a_choice_the_rule_does_not_offer_is_stale(variant: Variants) -> None:
    found = variant("24 KiB")
    path = Path(found.label.partition("#")[0])
    formats = {s.path: "int3" for s in found.open}
    locked = {"v": Locked(variant_hash(found.resolved.model), formats)}
    lock_path(path).write_text(lock_text(locked), encoding="utf-8")
    assert [d.code for d in check_spec(path).diagnostics] == ["Q406"]


names = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(names, st.builds(Locked, names, st.dictionaries(names, names))))
def test_a_lock_is_read_as_it_was_written(locked: dict[str, Locked]) -> None:
    assert parse_lock(lock_text(locked), "a.qspec.lock.yaml") == locked


@pytest.mark.parametrize(
    "text",
    ["a", "- 1", "variants: 3", "variants: {a: 1}", "variants: {a: {hash: 1, formats: {}}}", "{"],
)
def test_what_is_no_lock(text: str) -> None:
    with pytest.raises(QdslError) as failure:
        parse_lock(text, "a.qspec.lock.yaml")
    assert [d.code for d in failure.value.diagnostics] == ["Q406"]


def test_bytes_of_a_choice_are_those_of_its_row(variant: Variants) -> None:
    found = variant("24 KiB")
    for choices in _every_choice(found):
        rows = {r.path: r.total_bytes for r in found.with_formats(choices).size().rows}
        choose = from_texts(choices)
        assert all(rows[s.path] == format_bytes(s, choose(s)) for s in found.open)
