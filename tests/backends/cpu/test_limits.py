"""Looks at the limits that are measured: what there is, not how large it is."""

import math

import pytest

from qdsl.target import Measured, Peak
from qdsl_cpu import BACKEND, _native, limits


def test_the_back_end_measures():
    assert isinstance(BACKEND, Measured)


def test_every_peak_is_a_rate():
    peaks = BACKEND.peaks()
    assert {Peak("int8", "scalar"), Peak("f32", "scalar")} <= {*peaks}
    assert len({*peaks}) == len(peaks)
    for peak in peaks:
        rate = BACKEND.rate(peak, 1)
        assert math.isfinite(rate)
        assert rate > 0


def test_instruction_sets_of_kernels_have_peaks():
    sets = {peak.instructions for peak in limits.peaks(_native.isas()[-1])}
    moves_bytes_only = {"avx512vbmi"}
    assert {*_native.isas()} - moves_bytes_only <= sets


def test_peaks_stay_below_the_instruction_set_that_was_chosen():
    if len(_native.isas()) == 1:
        pytest.skip("this processor has one instruction set")
    assert {peak.instructions for peak in limits.peaks("scalar")} == {"scalar"}


@pytest.mark.parametrize("bytes", [1, 255, 256, 257, 100_000, 1 << 20])
@pytest.mark.parametrize("threads", [1, 3])
def test_bandwidth_of_any_working_set(bytes, threads):
    rate = BACKEND.bandwidth(bytes, threads)
    assert math.isfinite(rate)
    assert rate > 0


def test_fork_join():
    assert 0 < BACKEND.fork_join(2) < 10


@pytest.mark.parametrize("threads", [0, -1, 5000])
def test_threads_that_there_cannot_be(threads):
    for measure in (
        lambda: BACKEND.fork_join(threads),
        lambda: BACKEND.bandwidth(1 << 20, threads),
        lambda: BACKEND.rate(Peak("f32", "scalar"), threads),
    ):
        with pytest.raises(ValueError, match="threads are at least 1"):
            measure()


def test_measurements_that_there_cannot_be():
    with pytest.raises(ValueError, match="a working set has"):
        BACKEND.bandwidth(0, 1)
    with pytest.raises(ValueError, match="no such peak"):
        BACKEND.rate(Peak("f64", "scalar"), 1)


@pytest.mark.parametrize(
    ("chosen", "sets"),
    [
        ("neoni8mm", {"scalar", "neon", "neondot", "neoni8mm"}),
        ("neondot", {"scalar", "neon", "neondot"}),
        ("scalar", {"scalar"}),
    ],
)
def test_peaks_of_another_architecture(monkeypatch, chosen, sets):
    order = limits.ORDERS[1]
    monkeypatch.setattr(limits._native, "isas", lambda: [*order])
    monkeypatch.setattr(limits._native, "limits_peaks", lambda: [("int8", i) for i in order])
    assert {peak.instructions for peak in limits.peaks(chosen)} == sets


def caches(folder, *rows):
    for number, (cpu, level, shared, size) in enumerate(rows):
        cache = folder / cpu / "cache" / f"index{number}"
        cache.mkdir(parents=True)
        for name, text in (("level", level), ("shared_cpu_list", shared), ("size", size)):
            (cache / name).write_text(f"{text}\n")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ((), 256 << 20),
        ((("cpu0", 2, "0", "1024K"), ("cpu0", 3, "0-1", "32768K")), 256 << 20),
        # two parts of the processor, one seen from two cores
        (
            (
                ("cpu0", 3, "0-1", "98304K"),
                ("cpu1", 3, "0-1", "98304K"),
                ("cpu2", 3, "2-3", "98304K"),
                ("cpu3", 3, "?", "much"),
            ),
            (4 * 2 * 96) << 20,
        ),
        ((("cpu0", 3, "0", "9999999K"),), 4 << 30),
    ],
)
def test_memory_is_more_than_the_caches(tmp_path, monkeypatch, rows, expected):
    caches(tmp_path, *rows)
    monkeypatch.setattr(limits, "_CACHES", tmp_path)
    assert limits.memory_bytes() == expected
