//! Whom to believe: the cluster's request-header configuration, and whether a client certificate satisfies it.
//!
//! Owns parsing ConfigMap `extension-apiserver-authentication` and verifying a chain against it. Refuses everybody but
//! the API server's aggregator: there is no other way in.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use http::HeaderName;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use super::caller::Headers;

const AUTHORITY: &str = "requestheader-client-ca-file";
const ALLOWED_NAMES: &str = "requestheader-allowed-names";
const USER: &str = "requestheader-username-headers";
const UID: &str = "requestheader-uid-headers";
const GROUP: &str = "requestheader-group-headers";
const EXTRA: &str = "requestheader-extra-headers-prefix";

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub enum FrontProxyError {
    /// The API server was started without `--requestheader-client-ca-file`.
    #[error("{AUTHORITY} is missing or empty: the API server has its aggregation layer turned off")]
    NoAuthority,
    /// The authority is no certificate.
    #[error("cannot read {AUTHORITY} as PEM")]
    Pem(#[source] rustls::pki_types::pem::Error),
    /// The certificate is no authority.
    #[error("cannot use {AUTHORITY} as certificate authorities")]
    Authority(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A list is none.
    #[error("cannot read {key} as a list of names")]
    List {
        /// Which.
        key: &'static str,
        /// Why.
        source: serde_json::Error,
    },
    /// A header cannot be one.
    #[error("cannot use {name:?} of {key} as the name of a header")]
    Header {
        /// Of which list.
        key: &'static str,
        /// The name.
        name: String,
    },
    /// No header would name the user.
    #[error("{USER} is missing or empty: no header would name the user")]
    NoUserHeader,
}

/// Why nobody is believed to ask.
#[derive(Debug, thiserror::Error)]
pub enum Unauthenticated {
    /// The configuration was not read yet.
    #[error("this server does not know yet whom to believe")]
    NotYet,
    /// No certificate was shown.
    #[error("no client certificate: requests are answered only through the API server")]
    NoCertificate,
    /// The certificate is of nobody known.
    #[error("the client certificate is not signed by the cluster's request-header authority, or not valid")]
    Untrusted(#[source] rustls::Error),
    /// The certificate is of somebody else.
    #[error("the client certificate is for {0:?}, which is not among the cluster's front proxies")]
    WrongName(String),
    /// The certificate is good, but the request names no user.
    #[error("the request names no user")]
    NoUser,
}

/// The cluster's request-header configuration. Holds an authority and a header that names the user.
pub struct FrontProxy {
    verifier: Arc<dyn ClientCertVerifier>,
    /// Common names that are believed; any, where empty.
    names: Vec<String>,
    /// Which headers say who asks.
    pub headers: Headers,
}

impl fmt::Debug for FrontProxy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("FrontProxy").field("names", &self.names).field("headers", &self.headers).finish()
    }
}

impl FrontProxy {
    /// Reads the data of the ConfigMap.
    pub fn parse(data: &BTreeMap<String, String>) -> Result<Self, FrontProxyError> {
        let pem = data.get(AUTHORITY).filter(|pem| !pem.trim().is_empty()).ok_or(FrontProxyError::NoAuthority)?;
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(FrontProxyError::Pem)?;
            roots.add(certificate).map_err(|error| FrontProxyError::Authority(error.into()))?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| FrontProxyError::Authority(error.into()))?;
        let user = headers(data, USER)?;
        if user.is_empty() {
            return Err(FrontProxyError::NoUserHeader);
        }
        let headers = Headers {
            user,
            uid: headers(data, UID)?,
            group: headers(data, GROUP)?,
            extra_prefix: list(data, EXTRA)?.into_iter().map(|prefix| prefix.to_lowercase()).collect(),
        };
        Ok(Self { verifier, names: list(data, ALLOWED_NAMES)?, headers })
    }

    /// Whether the owner of this chain, its own certificate first, may speak for others at that time.
    pub fn verify(&self, chain: &[CertificateDer<'_>], at: UnixTime) -> Result<(), Unauthenticated> {
        let (own, intermediates) = chain.split_first().ok_or(Unauthenticated::NoCertificate)?;
        self.verifier.verify_client_cert(own, intermediates, at).map_err(Unauthenticated::Untrusted)?;
        if self.names.is_empty() {
            return Ok(());
        }
        let name = common_name(own).unwrap_or_default();
        if self.names.contains(&name) { Ok(()) } else { Err(Unauthenticated::WrongName(name)) }
    }
}

/// The common name of a certificate's subject.
fn common_name(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    certificate.subject().iter_common_name().next()?.as_str().ok().map(str::to_owned)
}

fn list(data: &BTreeMap<String, String>, key: &'static str) -> Result<Vec<String>, FrontProxyError> {
    match data.get(key) {
        None => Ok(Vec::new()),
        Some(text) if text.trim().is_empty() => Ok(Vec::new()),
        Some(text) => serde_json::from_str(text).map_err(|source| FrontProxyError::List { key, source }),
    }
}

fn headers(data: &BTreeMap<String, String>, key: &'static str) -> Result<Vec<HeaderName>, FrontProxyError> {
    let name = |name: String| HeaderName::try_from(&name).map_err(|_invalid| FrontProxyError::Header { key, name });
    list(data, key)?.into_iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority() -> String {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        parameters.self_signed(&key).unwrap().pem()
    }

    fn data() -> BTreeMap<String, String> {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        BTreeMap::from([
            pair(AUTHORITY, &authority()),
            pair(ALLOWED_NAMES, r#"["front-proxy-client"]"#),
            pair(USER, r#"["X-Remote-User"]"#),
            pair(GROUP, r#"["X-Remote-Group"]"#),
            pair(EXTRA, r#"["X-Remote-Extra-"]"#),
        ])
    }

    #[test]
    fn the_usual_configuration_is_read() {
        let front_proxy = FrontProxy::parse(&data()).unwrap();
        assert_eq!(front_proxy.names, ["front-proxy-client"]);
        assert_eq!(
            front_proxy.headers,
            Headers {
                user: vec![HeaderName::from_static("x-remote-user")],
                uid: Vec::new(),
                group: vec![HeaderName::from_static("x-remote-group")],
                extra_prefix: vec!["x-remote-extra-".to_owned()],
            }
        );
    }

    #[test]
    fn each_thing_that_would_let_nobody_or_anybody_in_is_named() {
        for (key, value, told) in [
            (AUTHORITY, "", FrontProxyError::NoAuthority.to_string()),
            (AUTHORITY, "nothing", "cannot use requestheader-client-ca-file as certificate authorities".to_owned()),
            (ALLOWED_NAMES, "a", "cannot read requestheader-allowed-names as a list of names".to_owned()),
            (USER, "[]", FrontProxyError::NoUserHeader.to_string()),
            (
                GROUP,
                r#"["a b"]"#,
                "cannot use \"a b\" of requestheader-group-headers as the name of a header".to_owned(),
            ),
        ] {
            let mut data = data();
            data.insert(key.to_owned(), value.to_owned());
            assert_eq!(FrontProxy::parse(&data).map(|_| ()).map_err(|error| error.to_string()), Err(told), "{key}");
        }
    }
}
