"""Says why a packed file is refused: the diagnostics of the codes Q601 to Q612."""

from pathlib import Path

from qdsl.diagnostic.model import QdslError, error

UNREADABLE = "Q601"
FOREIGN = "Q602"
UNKNOWN_VERSION = "Q603"
TRUNCATED = "Q604"
OVERSIZED_HEADER = "Q605"
ALTERED = "Q606"
MALFORMED_HEADER = "Q607"
MISPLACED_TENSOR = "Q608"
MALFORMED_MODEL = "Q609"
MISMATCHED_TENSOR = "Q610"
IMPOSSIBLE_CODE = "Q611"
UNWRITABLE = "Q612"

_AGAIN = "pack it again, or copy it again from where it came"
HELP = {
    FOREIGN: "a packed model is written by `program.pack(…)`",
    UNKNOWN_VERSION: "read it with the version of qdsl that wrote it, or a later one",
    TRUNCATED: _AGAIN,
    OVERSIZED_HEADER: _AGAIN,
    ALTERED: _AGAIN,
    MALFORMED_HEADER: _AGAIN,
    MISPLACED_TENSOR: _AGAIN,
    MALFORMED_MODEL: _AGAIN,
    MISMATCHED_TENSOR: _AGAIN,
    IMPOSSIBLE_CODE: _AGAIN,
}


class Refusal(Exception):
    """What is wrong with the file at hand; its name is added where the file is known."""

    def __init__(self, code: str, message: str) -> None:
        self.code, self.message = code, message
        super().__init__(message)

    def of(self, path: Path) -> QdslError:
        diagnostic = error(self.code, f"`{path}`: {self.message}", help=HELP.get(self.code))
        return QdslError((diagnostic,))


def unreadable(path: Path, failure: OSError) -> QdslError:
    return Refusal(UNREADABLE, f"cannot be read: {_reason(failure)}").of(path)


def unwritable(path: Path, failure: OSError) -> QdslError:
    return Refusal(UNWRITABLE, f"cannot be written: {_reason(failure)}").of(path)


def _reason(failure: OSError) -> str:
    return (failure.strerror or type(failure).__name__).lower()
