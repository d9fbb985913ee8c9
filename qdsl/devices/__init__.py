"""Reads device profiles: what a machine has, by name, from the YAML files of `targets`."""

from functools import cache
from pathlib import Path

from qdsl.devices.profile import Profile, ProfileError, parse_bytes, profile_of

__all__ = ["Profile", "ProfileError", "load_profile", "parse_bytes", "profile_names", "profile_of"]

FOLDER = Path(__file__).parent.parent / "targets"


def profile_names() -> tuple[str, ...]:
    """Names of the profiles that come with the compiler."""
    return tuple(sorted(p.stem for p in FOLDER.glob("*.yaml")))


@cache
def load_profile(name: str) -> Profile:
    """The profile of that name; raises ProfileError where its file is wrong."""
    import yaml

    text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    doc = [line.lstrip("# ") for line in text.splitlines() if line.startswith("#")]
    return profile_of(name, yaml.safe_load(text), doc=" ".join(doc))
