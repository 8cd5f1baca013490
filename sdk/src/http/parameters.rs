//! The parameters by which KEDA's users configure an HTTP endpoint, each with its order of precedence.
//!
//! All of them feed the connection in the host, which also judges their values; a scaler sees none. Its address is the
//! scaler's own parameter, because every scaler calls it something else.

use crate::settings::{Origin, Parameter};

const METADATA: &[Origin] = &[Origin::Metadata];
const AUTHENTICATION: &[Origin] = &[Origin::Authentication];
const EITHER: &[Origin] = &[Origin::Metadata, Origin::Authentication];

pub(super) const ALL: &[Parameter] = &[
    Parameter::fed("authModes", "auth-modes", "list", EITHER, &["How to log in: `basic`, `bearer`, `apiKey`, `tls`."]),
    Parameter {
        // Credentials of a TriggerAuthentication are not sent unless a mode asks for them.
        default: Some("none"),
        ..Parameter::fed("authMode", "auth-modes", "list", EITHER, &["The same."])
    },
    Parameter::fed("username", "username", "string", AUTHENTICATION, &["User to log in as, with `basic`."]),
    Parameter::fed("password", "password", "string", AUTHENTICATION, &["Password of that user."]),
    Parameter::fed("bearerToken", "bearer-token", "string", AUTHENTICATION, &["Token to present, with `bearer`."]),
    Parameter::fed("token", "bearer-token", "string", AUTHENTICATION, &["The same."]),
    Parameter::fed("apiKey", "api-key", "string", EITHER, &["Key to present, with `apiKey`."]),
    Parameter::fed("method", "api-key-method", "string", EITHER, &["Where the key goes: `header` or `query`."]),
    Parameter::fed("keyParamName", "api-key-name", "string", EITHER, &["Name of that header or query parameter."]),
    Parameter::fed("ca", "ca", "string", AUTHENTICATION, &["Certificate authority of the server, PEM."]),
    Parameter::fed("cert", "certificate", "string", AUTHENTICATION, &["Certificate to present, PEM, with `tls`."]),
    Parameter::fed("key", "key", "string", AUTHENTICATION, &["Key of the certificate, PEM."]),
    Parameter::fed("unsafeSsl", "unsafe-ssl", "boolean", METADATA, &["Whether any certificate is believed."]),
    Parameter::fed("oauthTokenURI", "oauth-token-uri", "string", AUTHENTICATION, &["Refused: OAuth2."]),
    Parameter::fed("clientID", "oauth-client-id", "string", AUTHENTICATION, &["Refused: OAuth2."]),
    Parameter::fed("clientSecret", "oauth-client-secret", "string", AUTHENTICATION, &["Refused: OAuth2."]),
    Parameter::fed("customAuthHeader", "custom-header", "string", AUTHENTICATION, &["Refused: a header of one's own."]),
    Parameter::fed("customAuthValue", "custom-value", "string", AUTHENTICATION, &["Refused: the same."]),
];
