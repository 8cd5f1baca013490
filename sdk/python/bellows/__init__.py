"""What an author of scalers imports: settings declared once, replies instead of sockets, one `await` for each question.

Nothing here names Kubernetes, an address or a credential, and nothing is kept between calls.
"""

from .failure import Failure, absent, denied, invalid, transient, unexpected
from .http import encoded
from .redis import cmd
from .problem import Problem
from .scaler import Reading, Scaler, above, average_value, value
from .setting import setting

__all__ = [
    "Failure",
    "Problem",
    "Reading",
    "Scaler",
    "above",
    "absent",
    "average_value",
    "cmd",
    "denied",
    "encoded",
    "invalid",
    "setting",
    "transient",
    "unexpected",
    "value",
]
