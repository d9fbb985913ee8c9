"""Writes losses, tears the file, and goes on."""

from pathlib import Path

from qdsl.train.curve import Curve, Point, read_curve

POINTS = [Point("qat", step, 1 / 3 / step, 1e-3) for step in range(1, 5)]


def test_what_was_written_is_read_to_the_bit(tmp_path: Path) -> None:
    curve = Curve(tmp_path / "deep" / "losses.jsonl")
    curve.begin(0)
    for point in POINTS:
        curve.add(point)
    curve.close()
    assert read_curve(curve.path) == POINTS
    curve.begin(2)
    curve.close()
    assert read_curve(curve.path) == POINTS[:2]


def test_a_torn_line_ends_the_curve(tmp_path: Path) -> None:
    curve = Curve(tmp_path / "losses.jsonl")
    curve.begin(0)
    for point in POINTS:
        curve.add(point)
    curve.close()
    curve.path.write_text(curve.path.read_text()[:-20])
    assert read_curve(curve.path) == POINTS[:3]
    assert read_curve(tmp_path / "nowhere") == []
