//! Asking a Redis server: commands in, replies out, and the parameters that every trigger over Redis has.
//!
//! The host holds the connection and lets reading commands through only; no address or password is known here.

import { Question } from "./desk.js";
import { denied, transient, unexpected } from "./failure.js";
import { fed } from "./parameter.js";

/** How deep a reply may nest. Redis's own commands reach 5; deeper is not read, because reading recurses. */
const DEPTH_MAX = 16;

const METADATA = ["metadata"];
const AUTHENTICATION = ["authentication"];
/** Addresses: a TriggerAuthentication beats the environment. */
const PLACE = ["metadata", "authentication", "environment"];
/** Hosts, ports and credentials: the environment beats a TriggerAuthentication. */
const PERSON = ["metadata", "environment", "authentication"];

/** A command and its arguments. */
export const cmd = (name, ...args) => [name, ...args.map(String)];

/** A Redis server, as a trigger sees it. Equal commands of one round are sent once. */
export class Redis {
  static protocol = "redis";

  static parameters = [
    fed("address", "addresses", "list", PLACE, "Address of the server, HOST:PORT."),
    fed("addresses", "addresses", "list", PLACE, "The same; of several, the first is used."),
    fed("host", "hosts", "list", PERSON, "Host of the server, where no address is given."),
    fed("hosts", "hosts", "list", PERSON, "The same; as many as ports."),
    fed("port", "ports", "list", PERSON, "Port of the server, where no address is given."),
    fed("ports", "ports", "list", PERSON, "The same; as many as hosts."),
    fed("username", "username", "string", PERSON, "User to log in as."),
    fed("password", "password", "string", PERSON, "Password to log in with."),
    fed("databaseIndex", "database", "integer", METADATA, "Number of the database; 0 where it is left out."),
    fed("enableTLS", "enable-tls", "boolean", METADATA, "Whether the connection is encrypted."),
    fed("tls", "tls", "string", AUTHENTICATION, "The same, as `enable` or `disable`; not with `enableTLS`."),
    fed("unsafeSsl", "unsafe-ssl", "boolean", METADATA, "Whether any certificate is believed."),
    fed("ca", "ca", "string", AUTHENTICATION, "Certificate authority of the server, PEM."),
    fed("cert", "certificate", "string", AUTHENTICATION, "Certificate to present, PEM."),
    fed("Cert", "certificate", "string", AUTHENTICATION, "The same, as some users spell it."),
    fed("key", "key", "string", AUTHENTICATION, "Key of the certificate, PEM."),
    fed("keyPassword", "key-password", "string", AUTHENTICATION, "Password of the key."),
  ];

  /** Answers rounds over what the host lends. It is opened by the first round that asks it something. */
  static source(lent) {
    let open;
    return (commands) => (open ??= lent.open("redis")).pipeline(commands).map(gathered);
  }

  /** Several things at once: one reply for each, in order. A reply may be an error of its own. */
  ask(commands) {
    return new Question(commands, (replies) => replies);
  }

  /** One reply that is not an error. */
  reply(command) {
    return new Question([command], ([reply]) => reply.noError());
  }

  /** A whole number. */
  integer(command) {
    return new Question([command], ([reply]) => reply.integer());
  }

  /** Several whole numbers at once. */
  integers(commands) {
    return new Question(commands, (replies) => replies.map((reply) => reply.integer()));
  }

  /** A text. */
  text(command) {
    return new Question([command], ([reply]) => reply.text());
  }
}

const FOUND = {
  nil: "nothing",
  integer: "a whole number",
  double: "a number",
  boolean: "a truth value",
  text: "a text",
  bytes: "bytes",
  items: "a list",
  pairs: "a map",
  error: "an error",
};

/** A reply: its kind (`nil`, `integer`, `text`, `items`, …), and its value. Members of a list and a map are replies too. */
export class Reply {
  constructor(kind, value) {
    this.kind = kind;
    this.value = value;
  }

  /** The reply, unless it is an error: then the failure that the server's error means is thrown. */
  noError() {
    if (this.kind === "error") throw meaning(this.value);
    return this;
  }

  /** The whole number that it is, as a double: exact up to 2⁵³. */
  integer() {
    return this.#only("integer", "a whole number");
  }

  /** The text that it is. */
  text() {
    return this.#only("text", "a text");
  }

  #only(kind, wanted) {
    this.noError();
    if (this.kind === kind) return this.value;
    throw unexpected(`the server answered with ${FOUND[this.kind]} instead of ${wanted}`);
  }
}

/** What the host must do about an error of the server: its first word decides. */
function meaning(message) {
  const word = message.trim().split(/\s+/)[0];
  if (word === "NOAUTH" || word === "WRONGPASS") return denied("unauthorized", message);
  if (word === "NOPERM") return denied("forbidden", message);
  if (word === "WRONGTYPE") return transient("wrong-type", message);
  if (word === "" || word === "ERR") return transient("error", message);
  return transient(word.toLowerCase(), message);
}

/** The tree that the pieces of a reply spell. */
export function gathered(pieces) {
  let at = 0;
  const next = (depth) => {
    if (at >= pieces.length || depth === 0) throw unexpected("a reply did not add up, or was nested too deep");
    const { tag, val } = pieces[at++];
    if (tag === "items") return new Reply(tag, times(val, () => next(depth - 1)));
    if (tag === "pairs") return new Reply(tag, times(val, () => [next(depth - 1), next(depth - 1)]));
    return new Reply(tag, tag === "integer" ? Number(val) : val);
  };
  const reply = next(DEPTH_MAX);
  if (at < pieces.length) throw unexpected("a reply did not add up, or was nested too deep");
  return reply;
}

/** One after another, without room made in advance: a count is a claim, and the pieces are what there is. */
function times(count, make) {
  const made = [];
  while (made.length < count) made.push(make());
  return made;
}
