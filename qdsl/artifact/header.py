"""Writes the header of a packed file, and knows where in it the digests and certificate stand.

The header is that of a safetensors file: 8 bytes of length, then JSON, padded with spaces so that
the tensors begin at a multiple of 64. Its first metadata have a fixed length and a fixed place, so
that they can be filled, checked and blanked without parsing anything.
"""

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from json.encoder import encode_basestring_ascii

VERSION = 1
ALIGNMENT = 64
LENGTH_BYTES = 8
CERTIFICATE_BYTES = 256
DIGEST_BYTES = 64

PREFIX = '{"__metadata__":{"qdsl:format":"'
_BLANKS = {
    "qdsl:certificate": " " * CERTIFICATE_BYTES,
    "qdsl:header_sha256": "0" * DIGEST_BYTES,
    "qdsl:tensors_sha256": "0" * DIGEST_BYTES,
}


def _places() -> Mapping[str, slice]:
    text, places = f'{PREFIX}{VERSION}"', {}
    for key, blank in _BLANKS.items():
        text += f',"{key}":"'
        start = LENGTH_BYTES + len(text)
        places[key] = slice(start, start + len(blank))
        text += f'{blank}"'
    return places


PLACES = _places()
CERTIFICATE = PLACES["qdsl:certificate"]
HEADER_SHA256 = PLACES["qdsl:header_sha256"]
TENSORS_SHA256 = PLACES["qdsl:tensors_sha256"]


def render(
    *,
    model: str,
    choices: str,
    ties: Mapping[str, str],
    tensors: Iterable[tuple[str, str, tuple[int, ...], int, int]],
) -> bytes:
    """The bytes before the tensors, digests of tensors and header and certificate blank.

    model, choices: canonical JSON; ties: keys, alias → owner; tensors: key, dtype, shape, begin
    and end of each, in the order of the file.
    """
    metadata = {
        "qdsl:format": str(VERSION),
        **_BLANKS,
        "qdsl:model_sha256": digest(model.encode("ascii")),
        "qdsl:choices_sha256": digest(choices.encode("ascii")),
        "qdsl:choices": choices,
        "qdsl:model": model,
        **{alias: ties[alias] for alias in sorted(ties)},
    }
    head = json.dumps({"__metadata__": metadata}, separators=(",", ":"))
    table = "".join(map(_tensor, tensors))
    text = f"{head[:-1]}{table}}}".encode("ascii")
    text += b" " * (-(LENGTH_BYTES + len(text)) % ALIGNMENT)
    return len(text).to_bytes(LENGTH_BYTES, "little") + text


def _tensor(tensor: tuple[str, str, tuple[int, ...], int, int]) -> str:
    """A member of the header; they are many, and a dict for each would cost more than the rest."""
    key, dtype, shape, begin, end = tensor
    axes = ",".join(map(str, shape))
    place = f'"shape":[{axes}],"data_offsets":[{begin},{end}]'
    return f',{encode_basestring_ascii(key)}:{{"dtype":"{dtype}",{place}}}'


def digest(data: bytes) -> str:
    """SHA-256 as 64 lower-case hexadecimal digits."""
    return sha256(data).hexdigest()


def blank(header: bytes, keys: Iterable[str] = tuple(_BLANKS)) -> bytes:
    """The header as `render` gives it."""
    result = bytearray(header)
    for key in keys:
        result[PLACES[key]] = _BLANKS[key].encode()
    return bytes(result)


def header_digest(header: bytes) -> str:
    """SHA-256 of the whole header, itself and the certificate blank."""
    return digest(blank(header, ("qdsl:header_sha256", "qdsl:certificate")))


def filled(header: bytes, *, tensors_sha256: str, certificate: str) -> bytes:
    """The header with its blanks filled; raises ValueError for a certificate that does not fit."""
    result = bytearray(header)
    result[TENSORS_SHA256] = tensors_sha256.encode()
    result[HEADER_SHA256] = header_digest(bytes(result)).encode()
    result[CERTIFICATE] = certificate_field(certificate)
    return bytes(result)


def certificate_field(text: str) -> bytes:
    """The text padded with spaces to its 256 characters; raises ValueError if it does not fit."""
    allowed = text.isascii() and text.isprintable() and not set(text) & {'"', "\\"}
    if not allowed or len(text) > CERTIFICATE_BYTES or text != text.rstrip(" "):
        raise ValueError("a certificate is at most 256 printable ASCII characters, no quotes")
    return text.ljust(CERTIFICATE_BYTES).encode("ascii")
