"""Asking an HTTP endpoint: paths in, answers out, and what a status usually means.

The host holds the connection and adds the credentials; a scaler knows the path and nothing of who asks.
"""

import json
from dataclasses import dataclass
from urllib.parse import quote

from .desk import Question
from .failure import Failure, absent, denied, transient, unexpected
from .parameter import Fed

METADATA = ("metadata",)
AUTHENTICATION = ("authentication",)
EITHER = ("metadata", "authentication")


def encoded(text):
    """A text as one segment of a path, or as a name or value of a query: `a b/c` becomes `a%20b%2Fc`."""
    return quote(text, safe="")


@dataclass(frozen=True)
class Response:
    """What an endpoint answered."""

    status: int
    body: bytes

    def ok(self):
        """The answer, if its status says that it is one. The content of any other is not repeated: it may echo
        credentials.
        """
        if 200 <= self.status <= 299:
            return self
        raise meaning(self.status)

    def json(self):
        """The content as JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise unexpected("the server's answer is no JSON, or not all of it") from None


class Http:
    """An HTTP endpoint, as a trigger sees it. Equal requests of one round are sent once.

    Its address is the scaler's own setting, with `feeds="uri"`, because every scaler calls it something else.
    """

    protocol = "HTTP"
    parameters = (
        Fed("authModes", "auth-modes", "list", EITHER, "How to log in: `basic`, `bearer`, `apiKey`, `tls`."),
        # Credentials of a TriggerAuthentication are not sent unless a mode asks for them.
        Fed("authMode", "auth-modes", "list", EITHER, "The same.", default="none"),
        Fed("username", "username", "string", AUTHENTICATION, "User to log in as, with `basic`."),
        Fed("password", "password", "string", AUTHENTICATION, "Password of that user."),
        Fed("bearerToken", "bearer-token", "string", AUTHENTICATION, "Token to present, with `bearer`."),
        Fed("token", "bearer-token", "string", AUTHENTICATION, "The same."),
        Fed("apiKey", "api-key", "string", EITHER, "Key to present, with `apiKey`."),
        Fed("method", "api-key-method", "string", EITHER, "Where the key goes: `header` or `query`."),
        Fed("keyParamName", "api-key-name", "string", EITHER, "Name of that header or query parameter."),
        Fed("ca", "ca", "string", AUTHENTICATION, "Certificate authority of the server, PEM."),
        Fed("cert", "certificate", "string", AUTHENTICATION, "Certificate to present, PEM, with `tls`."),
        Fed("key", "key", "string", AUTHENTICATION, "Key of the certificate, PEM."),
        Fed("unsafeSsl", "unsafe-ssl", "boolean", METADATA, "Whether any certificate is believed."),
        Fed("oauthTokenURI", "oauth-token-uri", "string", AUTHENTICATION, "Refused: OAuth2."),
        Fed("clientID", "oauth-client-id", "string", AUTHENTICATION, "Refused: OAuth2."),
        Fed("clientSecret", "oauth-client-secret", "string", AUTHENTICATION, "Refused: OAuth2."),
        Fed("customAuthHeader", "custom-header", "string", AUTHENTICATION, "Refused: a header of one's own."),
        Fed("customAuthValue", "custom-value", "string", AUTHENTICATION, "Refused: the same."),
    )

    @staticmethod
    def source(lent, failed):
        """Answers rounds over what the host lends. It is opened by the first round that asks it something."""
        opened = []

        def exchange(paths):
            if not opened:
                opened.append(lent.open("http"))
            requests = [lent.Request("GET", path, [], b"") for path in paths]
            return [answer_of(result.value, failed) for result in opened[0].send(requests)]

        return exchange

    def ask(self, *paths):
        """What is at several paths: for each a `Response`, whatever its status, or a `Failure`."""
        return Question(paths, list)

    def get(self, path):
        """What is at a path. A status other than success is the failure that it usually means."""

        def read(answers):
            if isinstance(answers[0], Failure):
                raise answers[0]
            return answers[0].ok()

        return Question((path,), read)


def answer_of(value, failed):
    """An answer in the form of the SDK."""
    return Response(value.status, value.body) if hasattr(value, "status") else failed(value)


def meaning(status):
    """What the host must do about a status other than success."""
    told = f"the server answered with status {status}"
    if status == 401:
        return denied("unauthorized", f"{told}: the credentials are missing or wrong")
    if status == 403:
        return denied("forbidden", f"{told}: the credentials do not allow this")
    if status == 404:
        return absent("not-found", f"{told}: there is nothing at this path")
    if status == 429:
        return transient("too-many-requests", f"{told}: it is asked too often")
    return transient("server-error" if 500 <= status <= 599 else "unexpected-status", told)
