"""What a search for cameras brings, whichever library searched."""

from dataclasses import dataclass

from gateway.core.errors import SourceError

IS_IT_ON = "is the camera on, and on this interface's network? pekat-gateway cameras lists what answers"


@dataclass(frozen=True, slots=True)
class Found:
    """A camera that answered a search. What the library or the camera does not tell is empty."""

    driver: str
    """The `driver` of the configuration that reaches it."""
    model: str
    vendor: str = ""
    serial: str = ""
    user_name: str = ""
    mac: str = ""
    ip: str = ""
    """Its IP address; for a camera without one, as on USB, the name that its library has for it."""
    access: str = ""
    """`free`, or who has it."""

    @property
    def names(self) -> tuple[str, ...]:
        """All that it can be called by in the configuration."""
        return tuple(name.lower() for name in (self.ip, self.mac, self.serial, self.user_name) if name)


def chosen(found: list[Found], wanted: str) -> int:
    """The place of the camera that is meant; `wanted` empty: the only one. Raises SourceError for none or several."""
    fitting = [place for place, one in enumerate(found) if not wanted or wanted.lower() in one.names]
    there = ", ".join(f"{one.ip or one.serial} ({one.mac or one.model})" for one in found) or "none"
    if not fitting:
        raise SourceError(f"no camera {wanted} answers; found: {there}".replace("  ", " "), hint=IS_IT_ON)
    if len(fitting) > 1:
        raise SourceError(f"several cameras answer: {there}", hint="write the address of one as `camera`")
    return fitting[0]
