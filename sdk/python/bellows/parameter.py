"""A parameter that configures a connection in the host. The scaler never sees its value."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fed:
    """One that feeds a field of the connection."""

    name: str
    feeds: str
    kind: str
    source: tuple
    help: str
    default: str | None = None
    required: bool = False
    deprecated: str | None = None
