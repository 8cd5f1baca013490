//! Certificate authorities of tests: of a cluster, of its aggregator, of a Redis.
//!
//! Owns making keys and certificates, as PEM files that other programs read. Refuses to write a key that others may read.
//! Nothing here is fit for anything but a test: certificates do not expire.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// The object identifier of `organizationName`, for a second one in the same subject.
const ORGANIZATION: [u64; 4] = [2, 5, 4, 10];

/// Files of a certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The certificate, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
}

/// Who a certificate is for.
#[derive(Clone, Debug, Default)]
pub struct Subject<'a> {
    /// The common name: a user, to Kubernetes.
    pub name: &'a str,
    /// Organisations: groups, to Kubernetes. At most two.
    pub groups: &'a [&'a str],
    /// Host names and addresses that it may serve.
    pub hosts: &'a [&'a str],
}

/// An authority, and the folder in which it writes.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    directory: PathBuf,
    /// The authority's own certificate, PEM.
    pub certificate: PathBuf,
}

impl Authority {
    /// Makes an authority: `NAME.crt` and `NAME.key` in `directory`.
    ///
    /// # Errors
    /// A key cannot be made, or a file not be written.
    pub fn create(directory: &Path, name: &str) -> Result<Self> {
        fs::create_dir_all(directory).with_context(|| format!("make {}", directory.display()))?;
        let key = KeyPair::generate().context("make the key of an authority")?;
        let mut parameters = CertificateParams::new(Vec::new()).context("prepare an authority")?;
        parameters.distinguished_name = common_name(name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let own = parameters.self_signed(&key).context("sign an authority's own certificate")?;
        let certificate = directory.join(format!("{name}.crt"));
        write(&certificate, &own.pem(), 0o644)?;
        write(&directory.join(format!("{name}.key")), &key.serialize_pem(), 0o600)?;
        Ok(Self { issuer: Issuer::new(parameters, key), directory: directory.to_path_buf(), certificate })
    }

    /// Makes a certificate for servers and clients: `FILE.crt` and `FILE.key`.
    ///
    /// # Errors
    /// There are more than two groups, a host is no name, a key cannot be made, or a file not be written.
    pub fn issue(&self, file: &str, subject: &Subject<'_>) -> Result<Identity> {
        let hosts: Vec<String> = subject.hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut parameters = CertificateParams::new(hosts).context("read the hosts of a certificate")?;
        parameters.distinguished_name = common_name(subject.name);
        // The library keeps one value for each kind, so a second organisation goes in by its number.
        match subject.groups {
            [] => {}
            [one] => parameters.distinguished_name.push(DnType::OrganizationName, *one),
            [one, two] => {
                parameters.distinguished_name.push(DnType::OrganizationName, *one);
                parameters.distinguished_name.push(DnType::CustomDnType(ORGANIZATION.to_vec()), *two);
            }
            more => bail!("a certificate for {} can hold two groups, not {}", subject.name, more.len()),
        }
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().with_context(|| format!("make a key for {}", subject.name))?;
        let certificate =
            parameters.signed_by(&key, &self.issuer).with_context(|| format!("sign for {}", subject.name))?;
        let identity = Identity {
            certificate: self.directory.join(format!("{file}.crt")),
            key: self.directory.join(format!("{file}.key")),
        };
        write(&identity.certificate, &certificate.pem(), 0o644)?;
        write(&identity.key, &key.serialize_pem(), 0o600)?;
        Ok(identity)
    }
}

/// Makes a bare key pair, as service account tokens are signed with: `FILE.key` and `FILE.pub`.
///
/// # Errors
/// A key cannot be made, or a file not be written.
pub fn signing_key(directory: &Path, file: &str) -> Result<Identity> {
    let key = KeyPair::generate().context("make a signing key")?;
    let pair =
        Identity { certificate: directory.join(format!("{file}.pub")), key: directory.join(format!("{file}.key")) };
    write(&pair.certificate, &key.public_key_pem(), 0o644)?;
    write(&pair.key, &key.serialize_pem(), 0o600)?;
    Ok(pair)
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn write(path: &Path, text: &str, mode: u32) -> Result<()> {
    let open = fs::OpenOptions::new().create(true).write(true).truncate(true).mode(mode).open(path);
    let mut file = open.with_context(|| format!("make {}", path.display()))?;
    file.write_all(text.as_bytes()).with_context(|| format!("write {}", path.display()))
}
