//! Artifacts that are signed with a key and verified before they are used, in a real registry.

use std::fs;
use std::process::Command;

use super::{Bench, component};

/// Makes a key as the help says.
pub(super) fn make_key(bench: &Bench, name: &str) {
    let (private, public) = (format!("{name}.key"), format!("{name}.pub"));
    let curve = "ec_paramgen_curve:P-256";
    for arguments in [
        vec!["genpkey", "-algorithm", "EC", "-pkeyopt", curve, "-out", &private],
        vec!["pkey", "-in", &private, "-pubout", "-out", &public],
    ] {
        let output = Command::new("openssl").args(&arguments).current_dir(bench.folder.path()).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A registry with a component, its pinned reference, and two keys.
fn pushed() -> (Bench, String) {
    let bench = Bench::plain();
    let pinned = bench.good(&["push", &component(), &bench.reference(":1")]).trim().to_owned();
    make_key(&bench, "ours");
    make_key(&bench, "theirs");
    (bench, pinned)
}

#[test]
fn what_is_signed_is_verified_by_its_key_and_by_no_other() {
    let (bench, pinned) = pushed();
    let reference = bench.reference(":1");
    let unsigned = bench.scaler(&["verify", &reference, "--key", "ours.pub"]);
    assert_eq!((unsigned.code, unsigned.out.as_str()), (1, ""), "{}", unsigned.err);
    assert!(unsigned.err.starts_with("not verified: Unsigned: sha256:"), "{}", unsigned.err);

    assert_eq!(bench.good(&["sign", &reference, "--key", "ours.key"]), format!("{pinned}\n"));
    let verified = bench.good(&["verify", &reference, "--key", "theirs.pub", "--key", "ours.pub"]);
    assert!(verified.starts_with(&format!("{pinned}\nsigned by key sha256:")), "{verified}");
    assert_eq!(verified.lines().count(), 2, "{verified}");
    let other = bench.scaler(&["verify", &reference, "--key", "theirs.pub"]);
    assert_eq!(other.code, 1);
    assert!(other.err.starts_with("not verified: SignedByOtherKey: "), "{}", other.err);
    let both = ["verify", &reference, "--key", "theirs.pub", "--key", "ours.pub", "--all"];
    assert_eq!(bench.scaler(&both).code, 1);

    // The manifest that is applied in a cluster asks for the same.
    let asks = |name: &str| {
        let key =
            fs::read_to_string(bench.folder.path().join(format!("{name}.pub"))).unwrap().replace('\n', "\n      ");
        let spec = format!("spec:\n  image: {reference}\n  verification:\n    keys:\n    - |\n      {key}\n");
        let manifest = format!("apiVersion: bellows.dev/v1alpha1\nkind: Scaler\nmetadata: {{name: queue}}\n{spec}");
        fs::write(bench.folder.path().join("scaler.yaml"), manifest).unwrap();
        bench.scaler(&["verify", &reference, "--scaler", "scaler.yaml"])
    };
    assert_eq!(asks("ours").out, verified);
    let refused = asks("theirs");
    assert_eq!(refused.code, 1);
    assert!(refused.err.starts_with("not verified: SignedByOtherKey: "), "{}", refused.err);

    // A second signature stands beside the first, and a third one by the same key changes nothing.
    bench.good(&["sign", &pinned, "--key", "theirs.key"]);
    assert_eq!(bench.good(&both).lines().count(), 3);
    let again = bench.scaler(&["sign", &reference, "--key", "ours.key"]);
    assert_eq!((again.code, again.out), (0, format!("{pinned}\n")));
    assert!(again.err.contains("nothing to do"), "{}", again.err);
}

#[test]
fn what_is_no_key_or_not_there_is_told() {
    let (bench, _) = pushed();
    let reference = bench.reference(":1");
    for (arguments, told) in [
        (["sign", &reference, "--key", "ours.pub"], "the public half verifies, the private one signs"),
        (["verify", &reference, "--key", "ours.key"], "keep it to yourself"),
        (["verify", &reference, "--key", "none.pub"], "cannot use the key in none.pub"),
        (["verify", &reference, "--scaler", "ours.pub"], "cannot use the Scaler in ours.pub"),
        (["sign", &bench.reference(":none"), "--key", "ours.key"], "not signed: 404 from the registry"),
        (["verify", &bench.reference(":none"), "--key", "ours.pub"], "not verified: 404 from the registry"),
    ] {
        let done = bench.scaler(&arguments);
        assert_eq!(done.code, 2, "{arguments:?}: {}", done.err);
        assert!(done.err.contains(told), "{arguments:?}: {}", done.err);
    }
}

#[test]
fn a_signature_is_carried_over_a_gap_with_its_artifact() {
    let (here, _) = pushed();
    let there = Bench::plain();
    here.good(&["sign", &here.reference(":1"), "--key", "ours.key"]);
    here.good(&["save", &here.reference(":1"), "--output", "carried"]);
    there.good(&["load", &here.path("carried").display().to_string(), &there.reference(":1")]);
    let key = here.path("ours.pub").display().to_string();
    there.good(&["verify", &there.reference(":1"), "--key", &key]);
}
