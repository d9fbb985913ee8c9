"""Writes quantities as people read them: bytes, ratios, shares; exact integers are rounded once."""

from fractions import Fraction

_BINARY = ("KiB", "MiB", "GiB", "TiB")


def bytes_text(count: int) -> str:
    """`512 B`, `1.50 KiB`, `11.80 MiB`."""
    if abs(count) < 1024:
        return f"{count} B"
    power = min((abs(count).bit_length() - 1) // 10, len(_BINARY))
    return f"{decimal(Fraction(count, 1024**power))} {_BINARY[power - 1]}"


def exact_bytes(count: int) -> str:
    """`11.80 MiB (12,373,196 B)`."""
    short = bytes_text(count)
    return short if abs(count) < 1024 else f"{short} ({count:,} B)"


def signed_bytes(count: int) -> str:
    """`+1.50 KiB`, `-512 B`, `±0 B`."""
    return f"{'+' if count > 0 else '' if count else '±'}{bytes_text(count)}"


def ratio_text(numerator: int, denominator: int) -> str:
    """`7.43x`; `-` where there is nothing to divide by."""
    return f"{decimal(Fraction(numerator, denominator))}x" if denominator else "-"


def share_text(count: int, total: int) -> str:
    """`12.5%`."""
    return f"{decimal(Fraction(100 * count, total or 1), 1)}%"


def decimal(value: Fraction, places: int = 2) -> str:
    """That many places, a half rounded away from 0; `<0.01` for what would read as 0 and is not."""
    scale = 10**places
    rounded = (2 * abs(value.numerator) * scale + value.denominator) // (2 * value.denominator)
    if value and not rounded:
        return f"<{decimal(Fraction(1, scale), places)}"
    whole, part = divmod(rounded, scale)
    return f"{'-' if value < 0 else ''}{whole:,}.{part:0{places}}"
