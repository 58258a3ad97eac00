//! The x509-limbo corpus (<https://x509-limbo.com>), where it stands beside the repository.

use std::path::Path;

use der::DateTime;
use fullchain::{Certificate, Error, Reader, TrustStore};
use rustls_pki_types::{ServerName, UnixTime};
use serde_json::Value;

/// One case of it.
pub struct Case(Value);

/// The cases, or `None` where there is no corpus; it is said then.
pub fn cases() -> Option<Vec<Case>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/limbo.json");
    if !path.exists() {
        println!("nothing was compared: there is no x509-limbo corpus at ../shared/corpus");
        return None;
    }
    let text = std::fs::read_to_string(&path).expect("the corpus is readable");
    let mut corpus: Value = serde_json::from_str(&text).expect("the corpus is JSON");
    match corpus["testcases"].take() {
        Value::Array(cases) => Some(cases.into_iter().map(Case).collect()),
        _ => panic!("the corpus has no cases"),
    }
}

impl Case {
    pub fn id(&self) -> &str {
        self.text("id")
    }

    /// Whether it asks what we answer: no revocation lists, no client certificates, and no limit
    /// on the depth but our own.
    pub fn is_for_us(&self) -> bool {
        self.0["validation_kind"] == "SERVER"
            && self.0["crls"].as_array().is_some_and(Vec::is_empty)
            && self.0["max_chain_depth"].is_null()
    }

    pub fn is_to_be_accepted(&self) -> bool {
        match self.text("expected_result") {
            "SUCCESS" => true,
            "FAILURE" => false,
            other => panic!("{}: {other} is no result", self.id()),
        }
    }

    /// The moment it is for, which is now unless it says otherwise.
    pub fn time(&self) -> UnixTime {
        let Some(time) = self.0["validation_time"].as_str() else {
            return UnixTime::now();
        };
        let utc = time.replace("+00:00", "Z");
        let time: DateTime = utc.parse().expect("a moment in UTC");
        UnixTime::since_unix_epoch(time.unix_duration())
    }

    /// `None` when it names no peer.
    pub fn name(&self) -> Option<Result<ServerName<'static>, String>> {
        let name = self.0["expected_peer_name"]["value"].as_str()?.to_owned();
        Some(ServerName::try_from(name).map_err(|error| error.to_string()))
    }

    pub fn leaf_pem(&self) -> &str {
        self.text("peer_certificate")
    }

    pub fn trusted_pems(&self) -> Vec<&str> {
        self.texts("trusted_certs")
    }

    pub fn untrusted_pems(&self) -> Vec<&str> {
        self.texts("untrusted_intermediates")
    }

    pub fn store(&self) -> Result<TrustStore, Error> {
        let roots = Reader::new().read("trusted", self.trusted_pems().concat().as_bytes())?;
        TrustStore::from_material("limbo", roots).map(|(store, _)| store)
    }

    fn text(&self, member: &str) -> &str {
        self.0[member].as_str().expect("the member is text")
    }

    fn texts(&self, member: &str) -> Vec<&str> {
        let values = self.0[member].as_array().expect("the member is a list");
        let texts = values.iter().map(|value| value.as_str());
        texts.map(|text| text.expect("a PEM text")).collect()
    }
}

/// The certificates of PEM texts; fewer where some cannot be read.
pub fn certificates(pems: &[&str]) -> Vec<Certificate> {
    let mut reader = Reader::new();
    pems.iter()
        .flat_map(|pem| {
            let material = reader.read("limbo", pem.as_bytes());
            material.expect("within limits").certificates
        })
        .collect()
}
