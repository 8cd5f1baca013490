//! Logins as they are written down, and the programs that give them.

use std::os::unix::fs::PermissionsExt;

use super::*;

const PULL_SECRET: &str = r#"{"auths": {
    "ghcr.io": {"auth": "dTpw"},
    "ghcr.io/org": {"username": "org", "password": "p"},
    "https://index.docker.io/v1/": {"auth": "ZDpwOnc="},
    "*.example.com": {"identitytoken": "t"},
    "quay.io": {"auth": "PHRva2VuPjp0"},
    "empty.io": {}
}, "credsStore": "never-run", "credHelpers": {"ghcr.io": "never-run"}}"#;

fn basic(username: &str, password: &str) -> Option<Login> {
    Some(Login::Basic { username: username.into(), password: Secret::new(password) })
}

async fn found(keyring: &Keyring, reference: &str) -> Option<Login> {
    keyring.login(&reference.parse().unwrap()).await.unwrap()
}

#[tokio::test]
async fn the_login_of_the_longest_path_is_used_and_no_helper_is_run() {
    let keyring = Keyring::of_pull_secret("shop/regcred", PULL_SECRET.as_bytes()).unwrap();
    let token = Some(Login::Identity(Secret::new("t")));
    for (reference, login) in [
        ("ghcr.io/a:1", basic("u", "p")),
        ("ghcr.io/org/a:1", basic("org", "p")),
        ("ghcr.io/organ/a:1", basic("u", "p")),
        ("docker.io/a/b:1", basic("d", "p:w")),
        ("eu.example.com/a:1", token.clone()),
        ("a.eu.example.com/a:1", None),
        ("quay.io/a:1", token),
        ("empty.io/a:1", None),
        ("ghcr.io:443/a:1", None),
    ] {
        assert_eq!(found(&keyring, reference).await, login, "{reference}");
    }
}

#[tokio::test]
async fn what_to_do_depends_on_what_there_is() {
    let reference: Reference = "ghcr.io/a:1".parse().unwrap();
    let keyring = Keyring::of_pull_secret("shop/regcred", PULL_SECRET.as_bytes()).unwrap();
    let login = keyring.login(&reference).await.unwrap();
    assert_eq!(
        Keyring::default().advice(&reference, None),
        "no pull secret is named; name one with a login for ghcr.io"
    );
    assert_eq!(keyring.advice(&reference, None), "the pull secret shop/regcred has no login for ghcr.io: add one");
    let told = "the login of \"u\" in the pull secret shop/regcred does not do: renew it, or let it do this";
    assert_eq!(keyring.advice(&reference, login.as_ref()), told);
}

#[test]
fn what_cannot_be_read_is_told_without_what_is_in_it() {
    for (text, told) in [
        ("hunter2", "it is no configuration of Docker's (line 1, column 1)"),
        (r#"{"auths": {"a": {"auth": "hunter2!"}}}"#, "a: its `auth` is not base64"),
        (r#"{"auths": {"a": {"auth": "aHVudGVyMg=="}}}"#, "a: its `auth` is not NAME:PASSWORD in base64"),
    ] {
        let error = Keyring::of_pull_secret("a/b", text.as_bytes()).unwrap_err().to_string();
        assert_eq!(error, format!("cannot use the login of the pull secret a/b: {told}"));
    }
    assert!(!format!("{:?}", Keyring::of_pull_secret("a/b", PULL_SECRET.as_bytes()).unwrap()).contains("p:w"));
}

#[tokio::test]
async fn a_file_that_is_not_there_has_no_login() {
    let keyring = Keyring::of_docker_config_file(Path::new("/nowhere/config.json")).unwrap();
    assert_eq!(found(&keyring, "ghcr.io/a:1").await, None);
    let advice = keyring.advice(&"ghcr.io/a:1".parse().unwrap(), None);
    assert_eq!(advice, "/nowhere/config.json has no login for ghcr.io: `docker login ghcr.io`");
}

#[tokio::test]
async fn helpers_are_asked_for_the_registry_and_what_they_say_counts() {
    let folder = tempfile::tempdir().unwrap();
    // A path instead of a name is refused, so a helper is found in the PATH of this process: cargo's own folder is not
    // touched, and what is run is told by its absence.
    let config = folder.path().join("config.json");
    for (helper, told) in [
        ("bellows-is-not-there", "docker-credential-bellows-is-not-there: it cannot be run: No such file"),
        ("../evil", "docker-credential-../evil: that is no name of a helper"),
    ] {
        std::fs::write(&config, format!(r#"{{"credHelpers": {{"ghcr.io": "{helper}"}}}}"#)).unwrap();
        let keyring = Keyring::of_docker_config_file(&config).unwrap();
        let error = keyring.login(&"ghcr.io/a:1".parse().unwrap()).await.unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot use the login of {told}")), "{error}");
        assert_eq!(found(&keyring, "quay.io/a:1").await, None);
    }
}

#[tokio::test]
async fn a_helper_is_a_child_whose_words_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let program = |name: &str, script: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        path.display().to_string()
    };
    let echo = program("echo", r#"read server; echo "$1 $server""#);
    assert_eq!(helper::run(&echo, "ghcr.io\n").await.unwrap(), (true, b"get ghcr.io\n".to_vec()));
    let endless = program("endless", "yes");
    let (good, answer) = helper::run(&endless, "x").await.unwrap();
    assert_eq!((good, answer.len()), (false, 64 * 1024));
}
