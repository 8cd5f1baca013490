"""Asking a Redis server: commands in, replies out, and the parameters that every trigger over Redis has.

The host holds the connection and lets reading commands through only; no address or password is known here.
"""

from dataclasses import dataclass

from .desk import Question
from .failure import denied, transient, unexpected
from .parameter import Fed

# How deep a reply may nest. Redis's own commands reach 5; deeper is not read, because reading recurses.
DEPTH_MAX = 16

METADATA = ("metadata",)
AUTHENTICATION = ("authentication",)
# Addresses: a TriggerAuthentication beats the environment.
PLACE = ("metadata", "authentication", "environment")
# Hosts, ports and credentials: the environment beats a TriggerAuthentication.
PERSON = ("metadata", "environment", "authentication")


def cmd(name, *arguments):
    """A command and its arguments."""
    return (name, *map(str, arguments))


class Redis:
    """A Redis server, as a trigger sees it. Equal commands of one round are sent once."""

    protocol = "REDIS"
    parameters = (
        Fed("address", "addresses", "list", PLACE, "Address of the server, HOST:PORT."),
        Fed("addresses", "addresses", "list", PLACE, "The same; of several, the first is used."),
        Fed("host", "hosts", "list", PERSON, "Host of the server, where no address is given."),
        Fed("hosts", "hosts", "list", PERSON, "The same; as many as ports."),
        Fed("port", "ports", "list", PERSON, "Port of the server, where no address is given."),
        Fed("ports", "ports", "list", PERSON, "The same; as many as hosts."),
        Fed("username", "username", "string", PERSON, "User to log in as."),
        Fed("password", "password", "string", PERSON, "Password to log in with."),
        Fed("databaseIndex", "database", "integer", METADATA, "Number of the database; 0 where it is left out."),
        Fed("enableTLS", "enable-tls", "boolean", METADATA, "Whether the connection is encrypted."),
        Fed("tls", "tls", "string", AUTHENTICATION, "The same, as `enable` or `disable`; not with `enableTLS`."),
        Fed("unsafeSsl", "unsafe-ssl", "boolean", METADATA, "Whether any certificate is believed."),
        Fed("ca", "ca", "string", AUTHENTICATION, "Certificate authority of the server, PEM."),
        Fed("cert", "certificate", "string", AUTHENTICATION, "Certificate to present, PEM."),
        Fed("Cert", "certificate", "string", AUTHENTICATION, "The same, as some users spell it."),
        Fed("key", "key", "string", AUTHENTICATION, "Key of the certificate, PEM."),
        Fed("keyPassword", "key-password", "string", AUTHENTICATION, "Password of the key."),
    )

    @staticmethod
    def source(lent, failed):
        """Answers rounds over what the host lends. It is opened by the first round that asks it something."""
        opened = []

        def exchange(commands):
            if not opened:
                opened.append(lent.open("redis"))
            return [gathered(pieces) for pieces in opened[0].pipeline([list(command) for command in commands])]

        return exchange

    def ask(self, *commands):
        """Several things at once: one reply for each, in order. A reply may be an error of its own."""
        return Question(commands, list)

    def reply(self, command):
        """One reply that is not an error."""
        return Question((command,), lambda replies: replies[0].no_error())

    def integer(self, command):
        """A whole number."""
        return Question((command,), lambda replies: replies[0].integer())

    def integers(self, *commands):
        """Several whole numbers at once."""
        return Question(commands, lambda replies: [reply.integer() for reply in replies])

    def text(self, command):
        """A text."""
        return Question((command,), lambda replies: replies[0].text())


FOUND = {
    "nil": "nothing",
    "integer": "a whole number",
    "double": "a number",
    "boolean": "a truth value",
    "text": "a text",
    "bytes": "bytes",
    "items": "a list",
    "pairs": "a map",
    "error": "an error",
}


@dataclass(frozen=True)
class Reply:
    """A reply: its kind (`nil`, `integer`, `text`, `items`, …) and its value. Members of lists and maps are replies too."""

    kind: str
    value: object = None

    def no_error(self):
        """The reply, unless it is an error: then the failure that the server's error means is raised."""
        if self.kind == "error":
            raise meaning(self.value)
        return self

    def integer(self):
        """The whole number that it is."""
        return self._only("integer", "a whole number")

    def text(self):
        """The text that it is."""
        return self._only("text", "a text")

    def _only(self, kind, wanted):
        self.no_error()
        if self.kind == kind:
            return self.value
        raise unexpected(f"the server answered with {FOUND[self.kind]} instead of {wanted}")


def meaning(message):
    """What the host must do about an error of the server: its first word decides."""
    word = (message.split() or [""])[0]
    if word in ("NOAUTH", "WRONGPASS"):
        return denied("unauthorized", message)
    if word == "NOPERM":
        return denied("forbidden", message)
    if word == "WRONGTYPE":
        return transient("wrong-type", message)
    if word in ("", "ERR"):
        return transient("error", message)
    return transient(word.lower(), message)


def gathered(pieces):
    """The tree that the pieces of a reply spell. A count is a claim, and the pieces are what there is."""
    rest = iter(pieces)

    def following(depth):
        piece = next(rest, None)
        if piece is None or depth == 0:
            raise garbled()
        # The bindings call the pieces Value_Integer, Value_Items and so on.
        kind = type(piece).__name__.removeprefix("Value_").lower()
        if kind == "items":
            return Reply(kind, [following(depth - 1) for _ in range(piece.value)])
        if kind == "pairs":
            return Reply(kind, [(following(depth - 1), following(depth - 1)) for _ in range(piece.value)])
        return Reply(kind, getattr(piece, "value", None))

    reply = following(DEPTH_MAX)
    if next(rest, None) is not None:
        raise garbled()
    return reply


def garbled():
    """The pieces are no reply."""
    return unexpected("a reply did not add up, or was nested too deep")
