"""What is wrong with settings, in the user's words."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing wrong; `parameter` is as the user spells it, and empty where it is about several."""

    parameter: str
    message: str
