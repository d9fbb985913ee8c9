"""Looks at the packages that qdsl uses, without importing any."""

import re
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from qdsl.record import record


@record
class Package:
    """A distribution, the module it brings, and what it is for; `extra` is empty if required."""

    name: str
    module: str
    least: str
    extra: str
    purpose: str


PACKAGES = (
    Package("lark", "lark", "1.2", "", "makes the tables of the grammar"),
    Package("numpy", "numpy", "1.26", "", "reads and writes the bytes of packed files"),
    Package("pyyaml", "yaml", "6", "", "reads device profiles and locks"),
    Package("rich", "rich", "13", "", "draws tables and pages on a terminal"),
    Package("torch", "torch", "2.6", "torch", "trains, packs, runs and verifies models"),
    Package("safetensors", "safetensors", "0.4", "torch", "reads and writes checkpoints"),
    Package("kaldi-native-fbank", "kaldi_native_fbank", "1.20", "asr", "features of speech"),
    Package("soundfile", "soundfile", "0.12", "asr", "reads audio"),
    Package("jiwer", "jiwer", "3", "asr", "counts word errors"),
    Package("matplotlib", "matplotlib", "3.8", "asr", "draws the figures of reports"),
    Package("highspy", "highspy", "1.7", "fit", "chooses formats within a budget"),
    Package("pygls", "pygls", "2", "lsp", "the language server"),
)


@record
class PackageState:
    """`version` None: not installed. `broken` says what is wrong with what is installed."""

    package: Package
    version: str | None
    broken: str = ""

    @property
    def install(self) -> str:
        """What to run for it."""
        extra = f"[{self.package.extra}]" if self.package.extra else ""
        return f"pip install 'qdsl{extra}'"


def look(package: Package) -> PackageState:
    """The state of a package here; nothing of it is run."""
    try:
        found = version(package.name)
    except PackageNotFoundError:
        missing = "" if package.extra else "required, and not installed"
        return PackageState(package, None, missing)
    if not _importable(package.module):
        return PackageState(package, found, f"installed without its module `{package.module}`")
    if _numbers(found) < _numbers(package.least):
        return PackageState(package, found, f"older than {package.least}")
    return PackageState(package, found)


def _importable(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _numbers(text: str) -> list[int]:
    """`2.6.0+cpu` as [2, 6, 0]."""
    leading = re.match(r"[\d.]*", text)
    return [int(part) for part in (leading[0] if leading else "").split(".") if part]
