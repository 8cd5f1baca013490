//! A log as a service, as Rekor 1 is, for whoever signs: `cosign sign` tells it.
//!
//! Refuses nothing: it notes whatever it is sent.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::notary::{INDEX, Notary, hex, then};

/// Where it listens. The time that it signs is long past; it ends with the tests.
pub(super) fn listen(notary: Arc<Notary>) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            note(&notary, stream.unwrap());
        }
    });
    address
}

/// Answers one request: `POST /api/v1/log/entries`.
fn note(notary: &Notary, mut stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim().to_ascii_lowercase().split_once(": ") {
            Some(("content-length", value)) => length = value.parse().unwrap(),
            None if line.trim().is_empty() => break,
            _ => {}
        }
    }
    let mut proposed = vec![0; length];
    reader.read_exact(&mut proposed).unwrap();
    let body = noted(serde_json::from_slice(&proposed).unwrap());
    let (tree, checkpoint) = notary.tree(&body);
    let name = hex(&tree);
    let answer = json!({&name: {
        "body": STANDARD.encode(&body), "integratedTime": then(), "logID": notary.log_id(), "logIndex": INDEX,
        "verification": {
            "signedEntryTimestamp": notary.promise(&body, then()),
            "inclusionProof": {
                "checkpoint": checkpoint, "hashes": [], "logIndex": 0, "rootHash": &name, "treeSize": 1,
            },
        },
    }})
    .to_string();
    let head = format!(
        "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nETag: {name}\r\nLocation: /api/v1/log/entries/{name}\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        answer.len()
    );
    stream.write_all(&[head.as_bytes(), answer.as_bytes()].concat()).unwrap();
}

/// What a log makes of what it is sent: of an envelope, only digests and signatures.
fn noted(mut proposed: Value) -> String {
    let content = proposed["spec"]["proposedContent"].take();
    let Some(text) = content["envelope"].as_str() else {
        proposed["spec"].as_object_mut().unwrap().remove("proposedContent");
        return proposed.to_string();
    };
    let envelope: Value = serde_json::from_str(text).unwrap();
    let hash = |bytes: &[u8]| json!({"algorithm": "sha256", "value": hex(&Sha256::digest(bytes))});
    let payload = STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
    let signature = json!({"signature": envelope["signatures"][0]["sig"], "verifier": content["verifiers"][0]});
    proposed["spec"] =
        json!({"envelopeHash": hash(text.as_bytes()), "payloadHash": hash(&payload), "signatures": [signature]});
    proposed.to_string()
}
