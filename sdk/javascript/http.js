//! Asking an HTTP endpoint: paths in, answers out, and what a status usually means.
//!
//! The host holds the connection and adds the credentials; a scaler knows the path and nothing of who asks.

import { Question } from "./desk.js";
import { Failure, absent, denied, transient, unexpected } from "./failure.js";
import { fed } from "./parameter.js";

const METADATA = ["metadata"];
const AUTHENTICATION = ["authentication"];
const EITHER = ["metadata", "authentication"];

/** A text as one segment of a path, or as a name or value of a query: `a b/c` becomes `a%20b%2Fc`. */
export const encoded = (text) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`);

/** An HTTP endpoint, as a trigger sees it. Equal requests of one round are sent once. */
export class Http {
  static protocol = "http";

  /** Its address is the scaler's own setting, which `feeds: "uri"`, because every scaler calls it something else. */
  static parameters = [
    fed("authModes", "auth-modes", "list", EITHER, "How to log in: `basic`, `bearer`, `apiKey`, `tls`."),
    // Credentials of a TriggerAuthentication are not sent unless a mode asks for them.
    { ...fed("authMode", "auth-modes", "list", EITHER, "The same."), or: "none" },
    fed("username", "username", "string", AUTHENTICATION, "User to log in as, with `basic`."),
    fed("password", "password", "string", AUTHENTICATION, "Password of that user."),
    fed("bearerToken", "bearer-token", "string", AUTHENTICATION, "Token to present, with `bearer`."),
    fed("token", "bearer-token", "string", AUTHENTICATION, "The same."),
    fed("apiKey", "api-key", "string", EITHER, "Key to present, with `apiKey`."),
    fed("method", "api-key-method", "string", EITHER, "Where the key goes: `header` or `query`."),
    fed("keyParamName", "api-key-name", "string", EITHER, "Name of that header or query parameter."),
    fed("ca", "ca", "string", AUTHENTICATION, "Certificate authority of the server, PEM."),
    fed("cert", "certificate", "string", AUTHENTICATION, "Certificate to present, PEM, with `tls`."),
    fed("key", "key", "string", AUTHENTICATION, "Key of the certificate, PEM."),
    fed("unsafeSsl", "unsafe-ssl", "boolean", METADATA, "Whether any certificate is believed."),
    fed("oauthTokenURI", "oauth-token-uri", "string", AUTHENTICATION, "Refused: OAuth2."),
    fed("clientID", "oauth-client-id", "string", AUTHENTICATION, "Refused: OAuth2."),
    fed("clientSecret", "oauth-client-secret", "string", AUTHENTICATION, "Refused: OAuth2."),
    fed("customAuthHeader", "custom-header", "string", AUTHENTICATION, "Refused: a header of one's own."),
    fed("customAuthValue", "custom-value", "string", AUTHENTICATION, "Refused: the same."),
  ];

  /** Answers rounds over what the host lends. It is opened by the first round that asks it something. */
  static source(lent, failed) {
    let open;
    return (paths) => {
      const requests = paths.map((path) => ({ method: "GET", path, headers: [], body: new Uint8Array() }));
      const responses = (open ??= lent.open("http")).send(requests);
      return responses.map(({ tag, val }) => (tag === "ok" ? new Response(val.status, val.body) : failed(val)));
    };
  }

  /** What is at several paths: for each a `Response`, whatever its status, or a `Failure`. */
  ask(paths) {
    return new Question(paths, (answers) => answers);
  }

  /** What is at a path. A status other than success is the failure that it usually means. */
  get(path) {
    return new Question([path], ([answer]) => {
      if (answer instanceof Failure) throw answer;
      return answer.ok();
    });
  }
}

/** What an endpoint answered: `status`, and the bytes of its `body`. */
export class Response {
  constructor(status, body) {
    this.status = status;
    this.body = body;
  }

  /** The answer, if its status says that it is one. The content of any other is not repeated: it may echo credentials. */
  ok() {
    if (this.status >= 200 && this.status <= 299) return this;
    throw meaning(this.status);
  }

  /** The content as text. */
  text() {
    return new TextDecoder().decode(this.body);
  }

  /** The content as JSON. */
  json() {
    try {
      return JSON.parse(this.text());
    } catch {
      throw unexpected("the server's answer is no JSON, or not all of it");
    }
  }
}

function meaning(status) {
  const told = (why) => `the server answered with status ${status}${why}`;
  if (status === 401) return denied("unauthorized", told(": the credentials are missing or wrong"));
  if (status === 403) return denied("forbidden", told(": the credentials do not allow this"));
  if (status === 404) return absent("not-found", told(": there is nothing at this path"));
  if (status === 429) return transient("too-many-requests", told(": it is asked too often"));
  if (status >= 500 && status <= 599) return transient("server-error", told(""));
  return transient("unexpected-status", told(""));
}
