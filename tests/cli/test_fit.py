"""Holds `qdsl fit` to its lock: what is written, kept, taken away and only looked at."""

import pytest

SPEC = """qspec 1

model Net {
    map = Linear(64 -> 64)

    entry run(x: f32[B, 64]) { return map(x) }
}

policy open for Net { map { weights = any(int4, int8) } }

budget wide { size(*) <= 16 KiB }

budget tiny { size(*) <= 1 KiB }

variant good {
    model = Net
    policy = open
    budget = wide
}
"""
BAD = "variant bad {\n    model = Net\n    policy = open\n    budget = tiny\n}\n"


@pytest.fixture
def spec(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "net.qspec"
    path.write_text(SPEC)
    return path


def lock(spec):
    return spec.with_name("net.qspec.lock.yaml")


def test_one_variant_that_fails_costs_no_other_its_choices(qdsl, spec):
    spec.write_text(f"{SPEC}\n{BAD}")
    found = qdsl("fit", "net.qspec")
    assert found.status == 1
    assert "error[Q407]" in found.err
    assert "wrote net.qspec.lock.yaml" in found.out
    assert "good:" in lock(spec).read_text()
    assert "bad:" not in lock(spec).read_text()
    assert qdsl("size", "net.qspec#good").status == 0


def test_a_lock_is_looked_at_and_up_to_date(qdsl, spec):
    assert qdsl("fit", "--check", "net.qspec").status == 1
    assert not lock(spec).exists()
    assert qdsl("fit", "net.qspec").status == 0
    before = lock(spec).read_bytes()
    assert qdsl("fit", "--check", "net.qspec").status == 0
    assert qdsl("fit", "net.qspec").out.count("wrote") == 0
    assert lock(spec).read_bytes() == before


def test_a_lock_that_holds_nothing_is_taken_away(qdsl, spec):
    qdsl("fit", "net.qspec")
    spec.write_text(SPEC.replace("any(int4, int8)", "int8"))
    assert qdsl("fit", "--check", "net.qspec").status == 1
    assert "removed net.qspec.lock.yaml" in qdsl("fit", "net.qspec").out
    assert not lock(spec).exists()


def test_a_broken_lock_is_an_error_of_each_command(qdsl, spec):
    lock(spec).write_text("variants: 3\n")
    for command in (("check", "net.qspec"), ("size", "net.qspec")):
        found = qdsl(*command)
        assert found.status == 1
        assert "error[Q406]" in found.err
