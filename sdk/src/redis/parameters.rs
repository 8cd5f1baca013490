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
    Parameter::fed("address", "addresses", "list", PLACE, &["Address of the server, HOST:PORT."]),
    Parameter::fed("addresses", "addresses", "list", PLACE, &["The same; of several, the first is used."]),
    Parameter::fed("host", "hosts", "list", PERSON, &["Host of the server, where no address is given."]),
    Parameter::fed("hosts", "hosts", "list", PERSON, &["The same; as many as ports."]),
    Parameter::fed("port", "ports", "list", PERSON, &["Port of the server, where no address is given."]),
    Parameter::fed("ports", "ports", "list", PERSON, &["The same; as many as hosts."]),
    Parameter::fed("username", "username", "string", PERSON, &["User to log in as."]),
    Parameter::fed("password", "password", "string", PERSON, &["Password to log in with."]),
    Parameter::fed(
        "databaseIndex",
        "database",
        "integer",
        METADATA,
        &["Number of the database; 0 where it is left out."],
    ),
    Parameter::fed("enableTLS", "enable-tls", "boolean", METADATA, &["Whether the connection is encrypted."]),
    Parameter::fed(
        "tls",
        "tls",
        "string",
        AUTHENTICATION,
        &["The same, as `enable` or `disable`; not with `enableTLS`."],
    ),
    Parameter::fed("unsafeSsl", "unsafe-ssl", "boolean", METADATA, &["Whether any certificate is believed."]),
    Parameter::fed("ca", "ca", "string", AUTHENTICATION, &["Certificate authority of the server, PEM."]),
    Parameter::fed("cert", "certificate", "string", AUTHENTICATION, &["Certificate to present, PEM."]),
    Parameter::fed("Cert", "certificate", "string", AUTHENTICATION, &["The same, as some users spell it."]),
    Parameter::fed("key", "key", "string", AUTHENTICATION, &["Key of the certificate, PEM."]),
    Parameter::fed("keyPassword", "key-password", "string", AUTHENTICATION, &["Password of the key."]),
];
