//! Components in a real registry, with the program that an author has: pushed, pulled, inspected, carried over a gap; with
//! encryption and users, and without.

#![cfg(test)]

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

use bellows_tests::authority::{Authority, Subject};
use bellows_tests::process::Life;
use bellows_tests::services::{Registry, RegistryOptions};
use bellows_tests::{guests, paths};
use tempfile::TempDir;

#[path = "registry/exchange.rs"]
mod exchange;
#[path = "registry/keyless.rs"]
mod keyless;
#[path = "registry/notary.rs"]
mod notary;
#[path = "registry/service.rs"]
mod service;
#[path = "registry/signing.rs"]
mod signing;
#[path = "registry/vouched.rs"]
mod vouched;

/// `author`, with the password `a pass:word`.
const USERS: &str = "author:$2y$04$W554/GtHCuijSYYL5pkw0.xRixe1g9/WZq.WgDCFcPyJpODQaPnZG\n";
const LOGIN: &str = r#""username": "author", "password": "a pass:word""#;

/// A registry, and a folder of somebody who uses it.
struct Bench {
    registry: Registry,
    folder: TempDir,
    further: Vec<String>,
}

struct Done {
    code: i32,
    out: String,
    err: String,
}

impl Done {
    fn of(program: &mut Command) -> Self {
        let output = program.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Bench {
    /// Without encryption and users.
    fn plain() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let registry = Registry::start(Ipv4Addr::LOCALHOST.into(), folder.path(), Life::WithUs).unwrap();
        let further = vec!["--plain-http".to_owned(), registry.address().to_string()];
        Self { registry, folder, further }
    }

    /// The same, with lists of referrers.
    fn listing() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = RegistryOptions { referrers: true, ..RegistryOptions::default() };
        let address = Ipv4Addr::LOCALHOST.into();
        let registry = Registry::start_with(&options, address, folder.path(), Life::WithUs).unwrap();
        let further = vec!["--plain-http".to_owned(), registry.address().to_string()];
        Self { registry, folder, further }
    }

    /// With an authority of its own and one user.
    fn guarded() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::create(&folder.path().join("authority"), "authority").unwrap();
        let identity = authority.issue("registry", &Subject { name: "registry", hosts: &["127.0.0.1"], groups: &[] });
        let users = folder.path().join("users");
        fs::write(&users, USERS).unwrap();
        let options = RegistryOptions { identity: Some(identity.unwrap()), users: Some(users), referrers: false };
        let address = Ipv4Addr::LOCALHOST.into();
        let registry = Registry::start_with(&options, address, folder.path(), Life::WithUs).unwrap();
        let trusted = folder.path().join("trusted");
        fs::create_dir(&trusted).unwrap();
        fs::copy(&authority.certificate, trusted.join("ca.crt")).unwrap();
        let further = vec!["--ca-dir".to_owned(), trusted.display().to_string()];
        Self { registry, folder, further }
    }

    fn reference(&self, version: &str) -> String {
        format!("{}/scalers/redis{version}", self.registry.address())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `bellows scaler COMMAND …`, with what this registry needs.
    fn scaler(&self, arguments: &[&str]) -> Done {
        let mut program = Command::new(paths::bellows());
        program.arg("scaler").args(arguments).args(&self.further).current_dir(self.folder.path());
        program.env("XDG_CACHE_HOME", self.path("cache")).env("DOCKER_CONFIG", self.path("docker"));
        Done::of(&mut program)
    }

    fn good(&self, arguments: &[&str]) -> String {
        let done = self.scaler(arguments);
        assert_eq!(done.code, 0, "{arguments:?}: {}", done.err);
        done.out
    }

    fn log_in(&self, login: &str) {
        fs::create_dir_all(self.path("docker")).unwrap();
        let text = format!(r#"{{"auths": {{"{}": {{{login}}}}}}}"#, self.registry.address());
        fs::write(self.path("docker/config.json"), text).unwrap();
    }
}

fn component() -> String {
    static BUILT: Once = Once::new();
    BUILT.call_once(|| drop(guests::build_all().unwrap()));
    paths::scalers().join("redis.wasm").display().to_string()
}

fn same(one: &Path, other: &str) -> bool {
    fs::read(one).unwrap() == fs::read(other).unwrap()
}

#[test]
fn what_was_pushed_is_pulled_by_tag_and_by_digest_and_is_the_same() {
    let bench = Bench::plain();
    let pinned = bench.good(&["push", &component(), &bench.reference(":1.0.0")]);
    let digest = pinned.trim().split_once('@').unwrap().1.to_owned();
    assert_eq!(pinned, format!("{}@{digest}\n", bench.reference(":1.0.0")));
    // The same once more, elsewhere, is the same.
    assert_eq!(
        bench.good(&["push", &component(), &bench.reference(":2")]),
        format!("{}@{digest}\n", bench.reference(":2"))
    );
    assert_eq!(bench.good(&["digest", &bench.reference(":2")]), format!("{digest}\n"));
    let told = bench.good(&["pull", &bench.reference(":1.0.0")]);
    assert!(told.starts_with(&format!("{}@{digest}\nredis.wasm  ", bench.reference(":1.0.0"))), "{told}");
    bench.good(&["pull", &bench.reference(&format!("@{digest}")), "--output", "by-digest.wasm"]);
    assert!(same(&bench.path("redis.wasm"), &component()) && same(&bench.path("by-digest.wasm"), &component()));
    let left = fs::read_dir(bench.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.into_iter().all(|name| !name.to_string_lossy().contains("unfinished")));
}

#[test]
fn an_artifact_is_inspected_without_its_layer() {
    let bench = Bench::plain();
    let reference = bench.reference(":1");
    bench.good(&["push", &component(), &reference, "--annotation", "org.opencontainers.image.source=https://a/b"]);
    // The layer is gone from the registry's disk, and is not missed.
    let hash = bench.good(&["digest", &component()]);
    let hash = hash.trim().strip_prefix("sha256:").unwrap();
    let blobs = bench.path("registry/docker/registry/v2/blobs/sha256");
    fs::remove_file(blobs.join(&hash[..2]).join(hash).join("data")).unwrap();
    let text = bench.good(&["inspect", &reference]);
    for line in ["title      bellows-scaler-redis", "source     https://a/b", "types      redis", "needs      redis"] {
        assert!(text.contains(line), "{text}");
    }
    assert!(text.contains(&format!("component  sha256:{hash}")), "{text}");
    let json: serde_json::Value =
        serde_json::from_str(&bench.good(&["inspect", &reference, "--output", "json"])).unwrap();
    assert_eq!((&json["fetched"], &json["needs"]), (&serde_json::json!(false), &serde_json::json!(["redis"])));
    let pulled = bench.scaler(&["pull", &reference]);
    assert_eq!(pulled.code, 2);
    assert!(
        pulled.err.contains(&format!("bellows: not pulled: 404 from the registry: it has no blob sha256:{hash}")),
        "{}",
        pulled.err
    );
}

#[test]
fn what_is_not_there_is_told_and_leaves_nothing() {
    let bench = Bench::plain();
    let done = bench.scaler(&["pull", &bench.reference(":none")]);
    assert_eq!(done.code, 2);
    let told = format!("404 from the registry: it has no {}, or shows it to others only", bench.reference(":none"));
    assert!(done.err.contains(&told) && done.err.contains("MANIFEST_UNKNOWN"), "{}", done.err);
    assert!(!bench.path("redis.wasm").exists());
    let text = bench.path("text.wasm");
    fs::write(&text, "no component").unwrap();
    let refused = bench.scaler(&["push", &text.display().to_string(), &bench.reference(":1")]);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("is refused, here as by the host"), "{}", refused.err);
}

#[test]
fn encryption_is_verified_and_users_are_told_which_login_to_mend() {
    let bench = Bench::guarded();
    let (reference, registry) = (bench.reference(":1"), bench.registry.address().to_string());
    let refused = bench.scaler(&["push", &component(), &reference]);
    assert_eq!(refused.code, 2);
    let told = format!("config.json has no login for {registry}: `docker login {registry}`");
    assert!(refused.err.contains("401 from the registry for ") && refused.err.contains(&told), "{}", refused.err);
    bench.log_in(r#""username": "author", "password": "wrong""#);
    let refused = bench.scaler(&["push", &component(), &reference]);
    assert!(
        refused.err.contains("the login of \"author\" in ") && refused.err.contains("does not do"),
        "{}",
        refused.err
    );
    assert!(!refused.err.contains("wrong"), "{}", refused.err);
    bench.log_in(LOGIN);
    bench.good(&["push", &component(), &reference]);
    bench.good(&["pull", &reference, "--output", "pulled.wasm"]);
    assert!(same(&bench.path("pulled.wasm"), &component()));

    let stranger = Bench { further: Vec::new(), ..bench };
    let untrusted = stranger.scaler(&["digest", &reference]);
    assert!(
        untrusted.err.contains("no TLS connection") && untrusted.err.contains("UnknownIssuer"),
        "{}",
        untrusted.err
    );
}

#[test]
fn plain_http_is_spoken_with_who_is_named_and_nobody_else() {
    let bench = Bench { further: vec!["--plain-http".into(), "127.0.0.1".into()], ..Bench::plain() };
    let done = bench.scaler(&["digest", &bench.reference(":1")]);
    assert_eq!(done.code, 2);
    assert!(done.err.contains("no TLS connection"), "{}", done.err);
}

#[test]
fn what_was_saved_is_loaded_elsewhere_with_what_refers_to_it() {
    let (here, there) = (Bench::plain(), Bench::plain());
    let pinned = here.good(&["push", &component(), &here.reference(":1")]);
    let digest = pinned.trim().split_once('@').unwrap().1.to_owned();
    let saved = here.good(&["save", &here.reference(":1"), "--output", "carried"]);
    assert_eq!(saved, format!("{}@{digest}  with 0 that refer to it\n", here.reference(":1")));
    add_signature(&here.path("carried"), &digest);
    let folder = here.path("carried").display().to_string();
    let loaded = there.good(&["load", &folder, &there.reference(":1")]);
    assert_eq!(loaded, format!("{}@{digest}  with 1 that refer to it\n", there.reference(":1")));
    there.good(&["pull", &there.reference(":1"), "--output", "pulled.wasm"]);
    assert!(same(&there.path("pulled.wasm"), &component()));
    // It comes along when it is saved from there, by the tag that stands in for the list that this registry lacks.
    let again = there.good(&["save", &there.reference(":1"), "--output", "carried"]);
    assert_eq!(again, format!("{}@{digest}  with 1 that refer to it\n", there.reference(":1")));

    let blobs = fs::read_dir(there.path("carried/blobs/sha256")).unwrap().map(|blob| blob.unwrap().path());
    // One of them says just that, as it should: the configuration of the signature.
    let honest: Vec<_> = blobs.map(|blob| (fs::read(&blob).unwrap(), blob)).filter(|(said, _)| said != b"{}").collect();
    assert_eq!(honest.len(), 4);
    for (said, blob) in honest {
        fs::write(&blob, "{}").unwrap();
        let forged = here.scaler(&["load", &there.path("carried").display().to_string(), &here.reference(":2")]);
        assert_eq!(forged.code, 2, "{}", forged.out);
        assert!(forged.err.contains("was changed on the way"), "{}", forged.err);
        fs::write(&blob, said).unwrap();
    }
    let full = here.scaler(&["save", &here.reference(":1"), "--output", "carried"]);
    assert!(full.err.contains("give a new folder"), "{}", full.err);
}

/// Adds a manifest that is about another, as a signature is.
fn add_signature(layout: &Path, about: &str) {
    let put = |text: &str| {
        let digest = bellows_wasm::oci::Digest::of(text.as_bytes());
        fs::write(layout.join("blobs/sha256").join(digest.hex()), text).unwrap();
        digest.to_string()
    };
    let size = |digest: &str| {
        let path = layout.join("blobs/sha256").join(digest.trim_start_matches("sha256:"));
        fs::metadata(path).unwrap().len()
    };
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let empty = serde_json::json!({"mediaType": "application/vnd.oci.empty.v1+json", "digest": put("{}"), "size": 2});
    let signature = serde_json::json!({
        "schemaVersion": 2, "mediaType": kind, "artifactType": "application/x.signature", "config": empty,
        "layers": [empty], "subject": {"mediaType": kind, "digest": about, "size": size(about)},
    })
    .to_string();
    let digest = put(&signature);
    let index = layout.join("index.json");
    let mut listed: serde_json::Value = serde_json::from_slice(&fs::read(&index).unwrap()).unwrap();
    let entry = serde_json::json!({"mediaType": kind, "digest": digest, "size": signature.len()});
    listed["manifests"].as_array_mut().unwrap().push(entry);
    fs::write(&index, listed.to_string()).unwrap();
}
