//! Against registries of these tests on loopback, which do what no honest registry does.

mod server;
mod signed;

use std::time::Duration;

use bellows_core::grant::EgressPolicy;

use self::server::{Server, answer, ok};
use super::manifest::{Content, Descriptor};
use super::*;
use crate::connection::NetworkSettings;

fn registry(plain_http: &[&Server], allowed: &[&str]) -> Registry {
    let network = NetworkSettings {
        egress: EgressPolicy::new(allowed.iter().map(|block| block.parse().unwrap()).collect()),
        name_servers: vec!["127.0.0.1:9".parse().unwrap()],
        ..NetworkSettings::default()
    };
    let plain_http = plain_http.iter().map(|server| server.authority()).collect();
    let time_max = Duration::from_secs(2);
    Registry::new(&RegistrySettings { network, plain_http, time_max, ..RegistrySettings::default() }).unwrap()
}

const HERE: &[&str] = &["127.0.0.0/8"];

fn keyring(server: &Server, login: &str) -> Keyring {
    let text = format!(r#"{{"auths": {{"{}": {{{login}}}}}}}"#, server.authority());
    Keyring::of_pull_secret("shop/regcred", text.as_bytes()).unwrap()
}

async fn blob(server: &Server, registry: &Registry, keyring: &Keyring, content: &str) -> Result<String, OciError> {
    let descriptor = Descriptor::of("x", content.as_bytes());
    let mut bytes = Vec::new();
    registry.blob(&server.reference(":1"), &descriptor, keyring, &mut bytes).await?;
    Ok(String::from_utf8(bytes).unwrap())
}

/// Wants a token of `realm`, and then gives what was asked for.
fn guarded(realm: String, request: &str) -> String {
    if request.to_ascii_lowercase().contains("authorization: bearer the-token") {
        return ok("content");
    }
    let challenge = format!(r#"Bearer realm="{realm}",service="here",scope="repository:a/b:pull""#);
    answer("401 Unauthorized", &[("WWW-Authenticate", &challenge)], "")
}

#[tokio::test]
async fn a_token_is_fetched_from_who_gives_them_with_the_login_and_used() {
    let tokens = Server::start(|_| ok(r#"{"token": "the-token", "expires_in": 60}"#)).await;
    let realm = format!("http://{}/token?a=b", tokens.authority());
    let server = Server::start(move |request| guarded(realm.clone(), request)).await;
    let registry = registry(&[&server, &tokens], HERE);
    assert_eq!(blob(&server, &registry, &Keyring::default(), "content").await.unwrap(), "content");
    let login = keyring(&server, r#""auth": "dTpw""#);
    assert_eq!(blob(&server, &registry, &login, "content").await.unwrap(), "content");
    let identity = keyring(&server, r#""identitytoken": "id+token""#);
    assert_eq!(blob(&server, &registry, &identity, "content").await.unwrap(), "content");
    let [anonymous, basic, refreshed] = tokens.seen().try_into().unwrap();
    let asked = "GET /token?a=b&scope=repository%3Aa%2Fb%3Apull&service=here HTTP/1.1";
    assert!(anonymous.starts_with(asked) && !anonymous.contains("authorization"), "{anonymous}");
    assert!(basic.starts_with(asked) && basic.contains("authorization: Basic dTpw"), "{basic}");
    assert!(refreshed.starts_with("POST /token?a=b ") && refreshed.contains("refresh_token=id%2Btoken"), "{refreshed}");
    // The first request of each says nothing of who asks.
    assert!(!server.seen()[0].contains("authorization"), "{}", server.seen()[0]);
}

#[tokio::test]
async fn who_gives_tokens_is_no_way_around_the_rules() {
    for (realm, reason) in [
        ("http://169.254.169.254/token", "RedirectRefused"),
        ("http://127.0.0.1:1/token", "RedirectRefused"),
        ("file:///etc/passwd", "RedirectRefused"),
        ("https://169.254.169.254/token", "AddressRefused"),
        ("https://[::ffff:169.254.169.254]/token", "AddressRefused"),
    ] {
        let server = Server::start(move |request| guarded(realm.to_owned(), request)).await;
        let login = keyring(&server, r#""auth": "dTpw""#);
        let error = blob(&server, &registry(&[&server], HERE), &login, "content").await.unwrap_err();
        assert_eq!((error.reason(), error.is_permanent()), (reason, true), "{realm}: {error}");
    }
}

#[tokio::test]
async fn credentials_stay_where_they_belong_when_a_blob_is_elsewhere() {
    let store = Server::start(|_| ok("content")).await;
    let place = format!("http://{}/bucket?signature=s", store.authority());
    let server = Server::start(move |request| {
        if !request.contains("authorization: Basic dTpw") {
            return answer("401 Unauthorized", &[("WWW-Authenticate", "Basic realm=\"r\"")], "");
        }
        if request.contains("/blobs/") { answer("307 Temporary Redirect", &[("Location", &place)], "") } else { ok("") }
    })
    .await;
    let login = keyring(&server, r#""auth": "dTpw""#);
    assert_eq!(blob(&server, &registry(&[&server, &store], HERE), &login, "content").await.unwrap(), "content");
    let [asked] = store.seen().try_into().unwrap();
    assert!(
        asked.starts_with("GET /bucket?signature=s ") && !asked.to_lowercase().contains("authorization"),
        "{asked}"
    );
    // The same place, where plain HTTP is not spoken with it.
    let error = blob(&server, &registry(&[&server], HERE), &login, "content").await.unwrap_err();
    assert_eq!(error.reason(), "RedirectRefused");
    assert!(!error.to_string().contains("signature"), "{error}");
}

#[tokio::test]
async fn redirects_end_and_lead_to_no_address_that_is_refused() {
    for (location, reason) in [
        ("/v2/a/b/round", "RedirectRefused"),
        ("https://169.254.169.254/latest", "AddressRefused"),
        ("http://169.254.169.254/latest", "RedirectRefused"),
        ("//127.0.0.1/x", "RedirectRefused"),
        ("https://user:hunter2@127.0.0.1/x", "RedirectRefused"),
        ("", "RedirectRefused"),
    ] {
        let server = Server::start(move |_| answer("302 Found", &[("Location", location)], "")).await;
        let error = blob(&server, &registry(&[&server], HERE), &Keyring::default(), "").await.unwrap_err();
        assert_eq!(error.reason(), reason, "{location}: {error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn each_refusal_has_its_name_and_what_to_do() {
    let denied = r#"{"errors": [{"code": "DENIED", "message": "no\nway"}]}"#;
    for (status, headers, body, reason, permanent, told) in [
        (
            "401 Unauthorized",
            vec![],
            "",
            "Unauthorized",
            true,
            "no pull secret is named; name one with a login for 127.0.0.1",
        ),
        ("403 Forbidden", vec![], denied, "Forbidden", true, "(it says: DENIED, no\\nway)"),
        ("404 Not Found", vec![], "", "NotFound", true, "compare the reference"),
        ("429 Too Many Requests", vec![("Retry-After", "7")], "", "TooManyRequests", false, "left alone for 7 s"),
        ("503 Service Unavailable", vec![], "<html>", "RegistryFailed", false, "it cannot answer now"),
        ("418 Teapot", vec![], "", "Refused", true, "418 from the registry"),
    ] {
        let response = answer(status, &headers, body);
        let server = Server::start(move |_| response.clone()).await;
        let registry = registry(&[&server], HERE);
        let error = registry.manifest(&server.reference(":1"), &Keyring::default()).await.unwrap_err();
        assert_eq!((error.reason(), error.is_permanent()), (reason, permanent), "{error}");
        assert!(error.to_string().contains(told), "{error}");
    }
}

#[tokio::test]
async fn what_is_not_what_its_digest_says_is_refused_and_so_is_what_is_too_long() {
    let server = Server::start(|request| {
        if request.contains("/manifests/") {
            let digest = Digest::of(b"other").to_string();
            answer("200 OK", &[("Docker-Content-Digest", &digest)], r#"{"schemaVersion":2}"#)
        } else {
            ok("another")
        }
    })
    .await;
    let registry = registry(&[&server], HERE);
    let error = blob(&server, &registry, &Keyring::default(), "content").await.unwrap_err();
    assert_eq!(error.reason(), "DigestMismatch");
    let error = blob(&server, &registry, &Keyring::default(), "short").await.unwrap_err();
    assert_eq!(error.reason(), "TooLarge");
    for version in [":1", &format!("@{}", Digest::of(b"wanted"))] {
        let error = registry.manifest(&server.reference(version), &Keyring::default()).await.unwrap_err();
        assert_eq!(error.reason(), "DigestMismatch", "{error}");
    }
}

#[tokio::test]
async fn a_registry_at_an_address_that_is_refused_or_that_says_nothing_is_told() {
    let server = Server::start(|_| String::new()).await;
    let refused = registry(&[&server], &[]).resolve(&server.reference(":1"), &Keyring::default()).await.unwrap_err();
    assert_eq!((refused.reason(), refused.is_permanent()), ("AddressRefused", true));
    assert_eq!(server.seen(), Vec::<String>::new());
    let silent = registry(&[&server], HERE).resolve(&server.reference(":1"), &Keyring::default()).await.unwrap_err();
    assert_eq!((silent.reason(), silent.is_permanent()), ("TimedOut", false));
    let pinned = server.reference(&format!("@{}", Digest::of(b"")));
    assert_eq!(registry(&[], &[]).resolve(&pinned, &Keyring::default()).await.unwrap(), Digest::of(b""));
}

#[tokio::test]
async fn referrers_are_listed_over_pages_or_by_the_tag_that_stands_in() {
    let entry = |name: &str| serde_json::to_string(&Descriptor::of("m", name.as_bytes())).unwrap();
    let index = |name: &str| {
        format!(r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[{}]}}"#, super::manifest::OCI_INDEX, entry(name))
    };
    let (first, second) = (index("1"), index("2"));
    let kind = ("Content-Type", super::manifest::OCI_INDEX);
    let by_tag = second.clone();
    let pages = Server::start(move |request| {
        if request.contains("page=2") {
            return answer("200 OK", &[kind], &second);
        }
        answer("200 OK", &[kind, ("Link", "</v2/a/b/referrers/x?page=2>; rel=\"next\"")], &first)
    })
    .await;
    let tag = Server::start(move |request| {
        let tag = format!("GET /v2/a/b/manifests/sha256-{}", Digest::of(b"").hex());
        if request.starts_with(&tag) { answer("200 OK", &[kind], &by_tag) } else { answer("404 Not Found", &[], "") }
    })
    .await;
    let nothing = Server::start(|_| answer("404 Not Found", &[], "")).await;
    let digests = |names: &[&str]| names.iter().map(|name| Digest::of(name.as_bytes())).collect::<Vec<_>>();
    for (server, expected) in [(pages, digests(&["1", "2"])), (tag, digests(&["2"])), (nothing, vec![])] {
        let listing = registry(&[&server], HERE);
        let found = listing.referrers(&server.reference(":1"), Digest::of(b""), &Keyring::default()).await.unwrap();
        assert_eq!(found.iter().map(|entry| entry.digest).collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn a_component_is_pulled_once_and_outlives_its_registry() {
    let package = Package::new("component".into(), Interfaces::default(), Default::default()).unwrap();
    let (manifest, config) = package.parts();
    let Content::Image(image) = &manifest.content else { panic!("a package is an image") };
    let (kind, digest) = (manifest.media_type.clone(), manifest.digest.to_string());
    let (manifest, config, of_config) = (manifest.bytes.clone(), config.clone(), image.config.digest.to_string());
    let server = Server::start(move |request| {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let headers = [("Content-Type", kind.as_str()), ("Docker-Content-Digest", digest.as_str())];
        if request.starts_with("HEAD ") {
            return answer("200 OK", &headers, "");
        }
        if request.contains("/manifests/") {
            return answer("200 OK", &headers, &text(&manifest));
        }
        if request.contains(&of_config) { ok(&text(&config)) } else { ok("component") }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let cache = ArtifactCache::open(&folder.path().join("cache"), CACHE_BYTES_MAX).unwrap();
    let (registry, reference) = (registry(&[&server], HERE), server.reference(":1"));
    let kept = registry.pull(&reference, &Keyring::default(), &cache).await.unwrap();
    assert_eq!((std::fs::read(&kept.path).unwrap(), kept.digest), (b"component".to_vec(), package.digest()));
    let asked = server.seen().len();
    assert_eq!(registry.pull(&reference, &Keyring::default(), &cache).await.unwrap(), kept);
    assert_eq!(server.seen().len(), asked + 1, "only the tag is asked for");
    assert_eq!(cache.last_good(&reference).unwrap(), Some(kept));
}
