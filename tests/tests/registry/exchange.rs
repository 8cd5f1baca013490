//! What is exchanged with other programs, in a registry that keeps lists of referrers and in one that does not: `oras`
//! pushes and pulls, `cosign` signs and verifies in both of its forms. Each writes what the other reads.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Once;

use bellows_tests::{paths, setup};

use super::signing::make_key;
use super::{Bench, Done, component, same};

/// Takes cosign's newer form off, in both directions.
pub(super) const OLDER: &str = "--new-bundle-format=false";

/// One of each kind of registry.
pub(super) fn registries() -> [Bench; 2] {
    static READY: Once = Once::new();
    READY.call_once(|| {
        setup::prepare(setup::Needs { services: true, artifacts: true, ..setup::Needs::default() }).unwrap();
    });
    [Bench::plain(), Bench::listing()]
}

/// Another program, in the folder of a bench.
pub(super) fn other(bench: &Bench, program: &str, arguments: &[&str]) -> Done {
    let mut command = Command::new(paths::binary(program));
    command.args(arguments).current_dir(bench.folder.path());
    // A key of cosign's own has a passphrase, be it none.
    command.env("COSIGN_PASSWORD", "").env("DOCKER_CONFIG", bench.path("docker")).env("HOME", bench.folder.path());
    // Where a bench has a log, that is the one which it believes.
    let log = bench.path("log.pub");
    if log.exists() {
        command.env("SIGSTORE_REKOR_PUBLIC_KEY", log);
    }
    Done::of(&mut command)
}

pub(super) fn good(bench: &Bench, program: &str, arguments: &[&str]) -> String {
    let done = other(bench, program, arguments);
    assert_eq!(done.code, 0, "{program} {arguments:?}: {}{}", done.out, done.err);
    done.out
}

/// Pushes the component, as `bellows` does, and says its reference by digest.
fn pushed(bench: &Bench) -> String {
    bench.good(&["push", &component(), &bench.reference(":1")]).trim().to_owned()
}

fn cosign_verifies(bench: &Bench, reference: &str, key: &str, further: &[&str]) -> Done {
    let mut arguments = vec!["verify", "--key", key, "--insecure-ignore-tlog", "--allow-http-registry"];
    arguments.extend(further);
    arguments.push(reference);
    other(bench, "cosign", &arguments)
}

fn cosign_signs(bench: &Bench, pinned: &str, key: &str, further: &[&str]) {
    let mut arguments = vec!["sign", "--yes", "--key", key, "--use-signing-config=false", "--tlog-upload=false"];
    arguments.push("--allow-http-registry");
    arguments.extend(further);
    arguments.push(pinned);
    good(bench, "cosign", &arguments);
}

/// A key of cosign's own: `theirs.key`, which only cosign opens, and `theirs.pub`.
fn make_cosigns_key(bench: &Bench) {
    good(bench, "cosign", &["generate-key-pair", "--output-key-prefix", "theirs"]);
}

#[test]
fn what_bellows_pushed_oras_pulls_byte_for_byte() {
    for bench in registries() {
        let pinned = pushed(&bench);
        good(&bench, "oras", &["pull", "--plain-http", "--output", "out", &pinned]);
        let files: Vec<_> = fs::read_dir(bench.path("out")).unwrap().map(|entry| entry.unwrap().path()).collect();
        let [file] = files.as_slice() else { panic!("one file, not {files:?}") };
        assert_eq!(file.file_name().unwrap(), "bellows-scaler-redis.wasm");
        assert!(same(file, &component()));
    }
}

#[test]
fn what_oras_pushed_is_pulled_and_inspected() {
    for bench in registries() {
        fs::copy(component(), bench.path("queue.wasm")).unwrap();
        fs::write(bench.path("config.json"), r#"{"architecture": "wasm", "os": "wasip2"}"#).unwrap();
        // With a config of the component's kind, and with an artifact's type only.
        for (tag, kind) in [
            (":config", ["--config", "config.json:application/vnd.wasm.config.v0+json"]),
            (":type", ["--artifact-type", "application/vnd.example.scaler"]),
        ] {
            let reference = bench.reference(tag);
            let mut arguments = vec!["push", "--plain-http", &reference, "queue.wasm:application/wasm"];
            arguments.extend(kind);
            good(&bench, "oras", &arguments);
            let output = format!("{}.wasm", &tag[1..]);
            bench.good(&["pull", &reference, "--output", &output]);
            assert!(same(&bench.path(&output), &component()), "{tag}");
            let (text, digest) = (bench.good(&["inspect", &reference]), bench.good(&["digest", &component()]));
            let about = [format!("component  {digest}"), "needs      redis\n".to_owned()];
            assert!(about.iter().all(|line| text.contains(line)), "{tag}: {text}");
        }
    }
}

#[test]
fn what_bellows_signed_cosign_verifies_in_both_forms_and_for_no_other_key() {
    for bench in registries() {
        let pinned = pushed(&bench);
        make_key(&bench, "ours");
        make_cosigns_key(&bench);
        let unsigned = cosign_verifies(&bench, &pinned, "ours.pub", &[]);
        assert!(unsigned.code != 0 && unsigned.err.contains("no signatures found"), "{}", unsigned.err);
        bench.good(&["sign", &pinned, "--key", "ours.key"]);
        for further in [&[][..], &[OLDER]] {
            let verified = cosign_verifies(&bench, &pinned, "ours.pub", further);
            assert_eq!(verified.code, 0, "{further:?}: {}", verified.err);
            let digest = pinned.split_once('@').unwrap().1;
            assert!(verified.out.contains(digest), "{further:?}: {}", verified.out);
            let other = cosign_verifies(&bench, &pinned, "theirs.pub", further);
            assert_ne!(other.code, 0, "{further:?}: {}", other.out);
        }
        // Another's signature in either form hides ours from nobody.
        cosign_signs(&bench, &pinned, "theirs.key", &[]);
        cosign_signs(&bench, &pinned, "theirs.key", &[OLDER]);
        for (key, further) in
            [("ours.pub", &[][..]), ("ours.pub", &[OLDER]), ("theirs.pub", &[]), ("theirs.pub", &[OLDER])]
        {
            let verified = cosign_verifies(&bench, &pinned, key, further);
            assert_eq!(verified.code, 0, "{key} {further:?}: {}", verified.err);
        }
    }
}

#[test]
fn what_cosign_signed_is_verified_in_either_form() {
    for bench in registries() {
        make_cosigns_key(&bench);
        make_key(&bench, "ours");
        for (tag, further) in [(":bundle", &[][..]), (":older", &[OLDER])] {
            let reference = bench.reference(tag);
            // Different artifacts, so that one form does not stand in for the other.
            let note = format!("dev.bellows.test={tag}");
            let pinned = bench.good(&["push", &component(), &reference, "--annotation", &note]);
            let pinned = pinned.trim();
            let unsigned = bench.scaler(&["verify", &reference, "--key", "theirs.pub"]);
            assert!(unsigned.err.starts_with("not verified: Unsigned: "), "{tag}: {}", unsigned.err);
            cosign_signs(&bench, pinned, "theirs.key", further);
            let verified = bench.good(&["verify", &reference, "--key", "theirs.pub"]);
            assert!(verified.starts_with(&format!("{pinned}\nsigned by key sha256:")), "{tag}: {verified}");
            let other = bench.scaler(&["verify", &reference, "--key", "ours.pub"]);
            assert_eq!(other.code, 1, "{tag}");
            assert!(other.err.starts_with("not verified: SignedByOtherKey: "), "{tag}: {}", other.err);
            // A second signature by us stands beside cosign's.
            bench.good(&["sign", &reference, "--key", "ours.key"]);
            bench.good(&["verify", &reference, "--key", "ours.pub", "--key", "theirs.pub", "--all"]);
        }
    }
}

#[test]
fn signatures_of_both_programs_are_carried_between_registries_of_both_kinds() {
    for from in 0..2 {
        let here = registries().into_iter().nth(from).unwrap();
        let pinned = pushed(&here);
        make_key(&here, "ours");
        make_cosigns_key(&here);
        here.good(&["sign", &pinned, "--key", "ours.key"]);
        cosign_signs(&here, &pinned, "theirs.key", &[]);
        cosign_signs(&here, &pinned, "theirs.key", &[OLDER]);
        let saved = here.good(&["save", &here.reference(":1"), "--output", "carried"]);
        // Two bundles, and the image that holds both signatures of the older form.
        assert!(saved.ends_with("  with 3 that refer to it\n"), "{saved}");
        for there in registries() {
            carried(&here.path(""), &there);
        }
    }
}

/// Loads what was saved, and has both programs verify it.
fn carried(from: &Path, there: &Bench) {
    let (folder, reference) = (from.join("carried").display().to_string(), there.reference(":1"));
    there.good(&["load", &folder, &reference]);
    for key in ["ours.pub", "theirs.pub"] {
        let key = from.join(key).display().to_string();
        there.good(&["verify", &reference, "--key", &key]);
        for further in [&[][..], &[OLDER]] {
            let verified = cosign_verifies(there, &reference, &key, further);
            assert_eq!(verified.code, 0, "{key} {further:?}: {}", verified.err);
        }
    }
}
