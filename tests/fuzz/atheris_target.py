"""Feeds the front end what atheris makes, led by the coverage of its code.

`pip install atheris` (Python 3.11), then `python -m tests.fuzz.atheris_target [FOLDER]`: libFuzzer
keeps what it learns in the folder, and stops at the first input that finds something.
"""

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
SEEDS = ("specs", "tests/syntax/cases", "tests/diagnostics/cases", "tests/fuzz/corpus")


def main() -> int:
    """Runs until stopped; 2 where atheris is not installed."""
    try:
        import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError:
        print("atheris is not installed: pip install atheris", file=sys.stderr)
        return 2
    with atheris.instrument_imports(include=["qdsl"]):
        from tests.fuzz.probe import probe

    with tempfile.TemporaryDirectory() as folder:

        def test_one_input(data: bytes) -> None:
            findings = probe(data, Path(folder)).findings
            assert not findings, "\n".join(findings)

        seeds = [str(ROOT / path) for path in SEEDS]
        limits = ["-rss_limit_mb=500", "-timeout=5", "-max_len=65536"]
        atheris.Setup([*sys.argv, *limits, *seeds], test_one_input)
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
