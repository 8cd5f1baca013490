"""Why there is no reading, by what the host has to do about it. An outage has no number: a scaler that could not read
raises one of these, never answers with a zero.
"""

# Characters of somebody else's sentence that are repeated: enough to know it by.
SENTENCE_MAX = 300


class Failure(Exception):
    """A word for machines (`code`, in lower case with hyphens), a sentence for people, and one of four kinds."""

    def __init__(self, kind, code, message):
        super().__init__(message)
        self.kind, self.code, self.message = kind, code, message


def transient(code, message):
    """No answer, or no useful one: the last reading is kept, and the next poll asks again."""
    return Failure("transient", code, message)


def denied(code, message):
    """The source refused who asked: the credentials are read again, then it is asked again."""
    return Failure("denied", code, message)


def absent(code, message):
    """The source says that the thing measured does not exist."""
    return Failure("absent", code, message)


def invalid(code, message):
    """The settings can never work: nobody asks again until they change."""
    return Failure("invalid", code, message)


def unexpected(message):
    """The source answered, and not in the shape that was asked for."""
    return transient("unexpected-reply", message)


def failure_of(raised):
    """What was raised, as a failure. What is none is a mistake of the scaler's, and its trigger's alone."""
    if isinstance(raised, Failure):
        return raised
    told = f"{type(raised).__name__}: {raised}"[:SENTENCE_MAX]
    return transient("exception", f"the scaler raised {told}")
