"""Looks at the back ends that are installed: what each runs here, and why not more."""

from qdsl.record import record
from qdsl.target import Availability, Backend, Capability, Survey, Surveyed, installed


@record
class BackendState:
    """`broken`: the back end is installed and cannot even be asked, or is set wrong."""

    name: str
    availability: Availability
    broken: bool
    capabilities: tuple[Capability, ...] = ()
    survey: Survey | None = None


def look() -> tuple[BackendState, ...]:
    """Every back end that an installed package offers, by name."""
    return tuple(_look(name, found) for name, found in sorted(installed().items()))


def _look(name: str, found: Backend | Availability) -> BackendState:
    if isinstance(found, Availability):
        return BackendState(name, found, broken=True)
    try:
        availability = found.availability()
        if not availability.available:
            return BackendState(name, availability, broken=availability.mistaken)
        survey = found.survey() if isinstance(found, Surveyed) else None
        return BackendState(name, availability, False, found.capabilities(), survey)
    except Exception as failure:  # a third party's package may fail in any way
        reason = f"{type(failure).__name__}: {failure}"
        return BackendState(name, Availability(False, reason), broken=True)
