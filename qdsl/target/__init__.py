"""What a back end promises: capabilities without torch, kernels with it."""

from qdsl.target.contract import (
    Availability,
    Backend,
    CanonicalWeight,
    Capability,
    Placed,
    Survey,
    Surveyed,
    device_of,
)
from qdsl.target.installed import GROUP, backends, find_kernel, installed
from qdsl.target.limits import Measured, Peak
from qdsl.target.training import Fixed, Trains, trainer
from qdsl.target.tuning import Call, Tunable
from qdsl.target.words import (
    CODES,
    DYNAMIC,
    FLOATS,
    FUSED,
    INTEGER,
    REFERENCE,
    STATIC,
    activation_word,
    grid_word,
    input_word,
)

__all__ = (
    "CODES",
    "DYNAMIC",
    "FLOATS",
    "FUSED",
    "GROUP",
    "INTEGER",
    "REFERENCE",
    "STATIC",
    "Availability",
    "Backend",
    "Call",
    "CanonicalWeight",
    "Capability",
    "Fixed",
    "Measured",
    "Peak",
    "Placed",
    "Survey",
    "Surveyed",
    "Trains",
    "Tunable",
    "activation_word",
    "backends",
    "device_of",
    "find_kernel",
    "grid_word",
    "input_word",
    "installed",
    "trainer",
)
