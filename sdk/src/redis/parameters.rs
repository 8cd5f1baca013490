//! The parameters by which KEDA's users configure a Redis connection, each with its order of precedence.
//!
//! All of them feed the connection in the host, which also judges their values; a scaler sees none.

use crate::settings::{Origin, Parameter};

const METADATA: &[Origin] = &[Origin::Metadata];
const AUTHENTICATION: &[Origin] = &[Origin::Authentication];
/// Addresses: a TriggerAuthentication beats the environment.
const PLACE: &[Origin] = &[Origin::Metadata, Origin::Authentication, Origin::Environment];
/// Hosts, ports and credentials: the environment beats a TriggerAuthentication.
const PERSON: &[Origin] = &[Origin::Metadata, Origin::Environment, Origin::Authentication];

pub(super) const ALL: &[Parameter] = &[
    fed("address", "redis.addresses", "list", PLACE, &["Address of the server, HOST:PORT."]),
    fed("addresses", "redis.addresses", "list", PLACE, &["The same; of several, the first is used."]),
    fed("host", "redis.hosts", "list", PERSON, &["Host of the server, where no address is given."]),
    fed("hosts", "redis.hosts", "list", PERSON, &["The same; as many as ports."]),
    fed("port", "redis.ports", "list", PERSON, &["Port of the server, where no address is given."]),
    fed("ports", "redis.ports", "list", PERSON, &["The same; as many as hosts."]),
    fed("username", "redis.username", "string", PERSON, &["User to log in as."]),
    fed("password", "redis.password", "string", PERSON, &["Password to log in with."]),
    fed("databaseIndex", "redis.database", "integer", METADATA, &["Number of the database; 0 where it is left out."]),
    fed("enableTLS", "redis.enable-tls", "boolean", METADATA, &["Whether the connection is encrypted."]),
    fed("tls", "redis.tls", "string", AUTHENTICATION, &["The same, as `enable` or `disable`; not with `enableTLS`."]),
    fed("unsafeSsl", "redis.unsafe-ssl", "boolean", METADATA, &["Whether any certificate is believed."]),
    fed("ca", "redis.ca", "string", AUTHENTICATION, &["Certificate authority of the server, PEM."]),
    fed("cert", "redis.certificate", "string", AUTHENTICATION, &["Certificate to present, PEM."]),
    fed("Cert", "redis.certificate", "string", AUTHENTICATION, &["The same, as some users spell it."]),
    fed("key", "redis.key", "string", AUTHENTICATION, &["Key of the certificate, PEM."]),
    fed("keyPassword", "redis.key-password", "string", AUTHENTICATION, &["Password of the key."]),
];

const fn fed(
    name: &'static str,
    feeds: &'static str,
    kind: &'static str,
    origins: &'static [Origin],
    summary: &'static [&'static str],
) -> Parameter {
    Parameter { name, summary, kind, required: false, default: None, origins, feeds: Some(feeds) }
}
