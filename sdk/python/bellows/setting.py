"""The declaration of a setting, and how its text becomes a value, as KEDA reads it: numbers by JSON's grammar, booleans
by Go's words. From it come parsing, defaults, every problem at once and the description of the component.
"""

import math
import re
import types
import typing

from .problem import Problem

JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
TRUE = ("1", "t", "T", "TRUE", "true", "True")
FALSE = ("0", "f", "F", "FALSE", "false", "False")
# What a text is trimmed of: blanks of ASCII, as in the SDK for Rust.
BLANKS = " \t\n\f\r"
# Characters of a refused value that are shown: enough to recognise one's own by.
SHOWN_MAX = 64
ORIGINS = {
    "metadata": "in the trigger's metadata",
    "environment": "by a variable of the container",
    "authentication": "in a TriggerAuthentication",
}


class Declared:
    """What `setting` was told. The field's annotation says the type: `str`, `bool`, `float`, `int` or `list[str]`."""

    def __init__(self, name, default, help, source, feeds, least, deprecated):
        for origin in source:
            if origin not in ORIGINS:
                raise TypeError(f"setting {name}: a value does not come from {origin}")
        self.name, self.help, self.source, self.feeds = name, help, source, feeds
        self.least, self.deprecated = least, deprecated
        self.default = None if default is None else text_of(default)

    def typed(self, annotation):
        """The same, now that its type is known."""
        inner = [one for one in typing.get_args(annotation) if one is not type(None)]
        self.optional = typing.get_origin(annotation) in (typing.Union, types.UnionType)
        kind = inner[0] if self.optional else annotation
        if kind not in KINDS:
            raise TypeError(f"setting {self.name}: its type is str, bool, float, int or list[str], or one of these | None")
        self.kind, self.accepted, self.parse = KINDS[kind]
        if kind is int and self.least is not None:
            self.accepted = f"a whole number from {self.least}"
        self.required = self.default is None and not self.optional
        return self

    def read(self, given):
        """The value, or nothing; and the problem, or nothing."""
        told = given.get(self.name, "").strip(BLANKS) or self.default
        if told is None:
            return None, (Problem(self.name, self._missing()) if self.required else None)
        found = self.parse(told)
        if found is None or (self.kind == "integer" and self.least is not None and found < self.least):
            return None, Problem(self.name, self._refused(told))
        return found, None

    def _missing(self):
        return "is required; it is set " + " or ".join(ORIGINS[origin] for origin in self.source)

    def _refused(self, told):
        # A value that may come from a TriggerAuthentication is not repeated, because it may be a secret.
        if "authentication" in self.source:
            return f"accepted is {self.accepted}, and the value is something else"
        shown = told if len(told) <= SHOWN_MAX else told[:SHOWN_MAX] + "…"
        return f'accepted is {self.accepted}, not "{shown}"'


def setting(name, default=None, *, help, source=("metadata",), feeds=None, least=None, deprecated=None):
    """A setting, by its name in the metadata. Without a default it is required, unless its type is `… | None`.

    `source` says where a value may come from, in order of precedence; `feeds` names the field of the connection that it
    configures besides; `least` is the smallest whole number.
    """
    return Declared(name, default, help, tuple(source), feeds, least, deprecated)


def text_of(default):
    """A default as the user would write it."""
    if isinstance(default, bool):
        return "true" if default else "false"
    return ",".join(default) if isinstance(default, (list, tuple)) else str(default)


def number(text):
    """A number, if the text is one."""
    if not JSON_NUMBER.fullmatch(text):
        return None
    read = float(text)
    return read if math.isfinite(read) else None


def whole(text):
    """A whole number of 64 bits, if the text is one."""
    shape = JSON_NUMBER.fullmatch(text)
    if not shape or shape[1] or shape[2] or len(text) > 20:
        return None
    read = int(text)
    return read if -(2**63) <= read < 2**63 else None


def boolean(text):
    """A truth value, if the text is one."""
    return True if text in TRUE else False if text in FALSE else None


KINDS = {
    str: ("string", "any text", lambda text: text),
    bool: ("boolean", "true or false", boolean),
    float: ("number", "a number, such as 5 or 0.5", number),
    int: ("integer", "a whole number, such as 5", whole),
    list[str]: ("list", "a list, separated by commas", lambda text: [item.strip() for item in text.split(",")]),
}
