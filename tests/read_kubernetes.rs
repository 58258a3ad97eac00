//! Kubernetes Secrets and ConfigMaps, as `kubectl get` prints them and as people write them, are
//! read entry by entry; what is wrong with one is said with object, entry and line.

mod common;

use std::fmt::Write;
use std::fs;
use std::time::Instant;

use base64ct::{Base64, Encoding};
use common::bundling::{bundler, ders, errors, the};
use common::haproxy::Haproxy;
use common::openssl::{PASSWORD, openssl};
use common::pki::{Ca, Leaf};
use fullchain::read::Expected;
use fullchain::{Code, Finding, Material, Reader, Report, haproxy};
use serde_json::json;

const NAME: &str = "secret.yaml";

fn encode(content: impl AsRef<[u8]>) -> String {
    Base64::encode_string(content.as_ref())
}

/// Text as the block of a YAML mapping, below its key.
fn indented(text: &str, spaces: usize) -> String {
    let indentation = " ".repeat(spaces);
    text.lines()
        .map(|line| format!("{indentation}{line}\n"))
        .collect()
}

struct Site {
    root: Ca,
    ca: Ca,
    leaf: Leaf,
}

impl Site {
    fn new(name: &str) -> Self {
        let root = Ca::root("Root");
        let ca = root.intermediate("Issuer");
        let leaf = ca.leaf_named(name);
        Self { root, ca, leaf }
    }

    fn chain(&self) -> String {
        [self.leaf.cert_pem.as_str(), &self.ca.cert_pem].concat()
    }

    fn ders(&self) -> Vec<Vec<u8>> {
        vec![self.leaf.cert_der.clone(), self.ca.cert_der.clone()]
    }

    /// As `kubectl get secret NAME -o yaml` prints it.
    fn yaml(&self, name: &str) -> String {
        let (certificate, key) = (encode(self.chain()), encode(&self.leaf.key_pem));
        let copy = self.json(name, "").replace('\n', "");
        format!(
            "apiVersion: v1
data:
  tls.crt: {certificate}
  tls.key: {key}
kind: Secret
metadata:
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: |
      {copy}
  creationTimestamp: \"2026-01-02T03:04:05Z\"
  managedFields:
  - apiVersion: v1
    fieldsType: FieldsV1
    fieldsV1:
      f:data:
        .: {{}}
        f:tls.crt: {{}}
        f:tls.key: {{}}
      f:type: {{}}
    manager: kubectl-client-side-apply
    operation: Update
    time: \"2026-01-02T03:04:05Z\"
  name: {name}
  namespace: prod
  resourceVersion: \"1234567\"
  uid: 0d3f5a1e-6f0c-4e0e-9d0c-3a5b7c9d1e2f
type: kubernetes.io/tls
"
        )
    }

    /// As `kubectl get secret NAME -o json` prints it.
    fn json(&self, name: &str, annotation: &str) -> String {
        let (certificate, key) = (encode(self.chain()), encode(&self.leaf.key_pem));
        format!(
            "{{
    \"apiVersion\": \"v1\",
    \"data\": {{
        \"tls.crt\": \"{certificate}\",
        \"tls.key\": \"{key}\"
    }},
    \"kind\": \"Secret\",
    \"metadata\": {{
        \"annotations\": {{{annotation}}},
        \"name\": \"{name}\",
        \"namespace\": \"prod\"
    }},
    \"type\": \"kubernetes.io/tls\"
}}
"
        )
    }

    /// As people write it.
    fn written(&self) -> String {
        format!(
            "# The certificate of the site.
kind: Secret
apiVersion: v1
metadata: {{name: www}}
type: kubernetes.io/tls
stringData:
  tls.key: |
{}  tls.crt: |-

{}",
            indented(&self.leaf.key_pem, 4),
            indented(&self.chain(), 4)
        )
    }
}

fn read(source: impl AsRef<[u8]>) -> Material {
    let read = Reader::new().read(NAME, source.as_ref());
    read.expect("the limits are not met")
}

/// A Secret with these lines under `data`.
fn secret(data: &str) -> String {
    format!("apiVersion: v1\nkind: Secret\nmetadata:\n  name: www\ndata:\n{data}")
}

/// Where the certificates and then the keys were read.
fn places(material: &Material) -> Vec<String> {
    let certificates = material.certificates.iter().map(|it| it.origin());
    let keys = material.keys.iter().map(|it| it.origin());
    certificates.chain(keys).map(ToString::to_string).collect()
}

fn place(finding: &Finding) -> String {
    finding.origin.as_ref().expect("a place").to_string()
}

fn codes(material: &Material) -> Vec<Code> {
    material
        .findings
        .iter()
        .map(|finding| finding.code)
        .collect()
}

/// What is unreadable, if it is one thing.
fn unreadable(material: &Material) -> (Code, Expected, String, &str) {
    let [only] = material.unreadable.as_slice() else {
        panic!("{:#?}", material.unreadable);
    };
    let finding = &only.finding;
    (
        finding.code,
        only.expected,
        place(finding),
        &finding.message,
    )
}

#[test]
fn secrets_are_read_as_kubectl_prints_and_people_write_them() {
    let site = Site::new("www.example.com");
    let both = "secret.yaml, tls.crt:3 secret.yaml, tls.crt:3 secret.yaml, tls.key:4";
    let json = "secret.yaml, tls.crt:4 secret.yaml, tls.crt:4 secret.yaml, tls.key:5";
    let (key, leaf, ca) = (
        site.leaf.key_pem.lines().count(),
        site.leaf.cert_pem.lines().count(),
        site.ca.cert_pem.lines().count(),
    );
    // The block has a blank line before its text.
    let first = 8 + key + 2;
    let written = format!(
        "secret.yaml, tls.crt:{first}-{} secret.yaml, tls.crt:{}-{} secret.yaml, tls.key:8-{}",
        first + leaf - 1,
        first + leaf,
        first + leaf + ca - 1,
        7 + key
    );
    let annotation = r#""note": "caf\u00e9 \ud83d\ude00 \/""#;
    let tabs = site.json("www", annotation).replace("    ", "\t");
    let yaml = site.yaml("www");
    for (name, source, owed) in [
        ("YAML", yaml.clone(), both),
        ("CR LF", yaml.replace('\n', "\r\n"), both),
        ("a byte-order mark", format!("\u{feff}{yaml}"), both),
        (
            "quotes",
            yaml.replace(": LS0t", ": 'LS0t")
                .replace("\n  tls.key", "'\n  tls.key")
                .replace("\nkind", "'\nkind"),
            both,
        ),
        ("JSON", site.json("www", annotation), json),
        ("JSON with tabs", tabs, json),
        ("plain text", site.written(), &written),
    ] {
        let material = read(&source);
        assert_eq!(material.unreadable, [], "{name}");
        assert_eq!(places(&material).join(" "), owed, "{name}");
        assert_eq!(codes(&material), [], "{name}: {:?}", material.findings);
        let bundle = bundler(&[&site.root.cert_pem]).build(material);
        let bundle = bundle.unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        assert_eq!(ders(&bundle), site.ders(), "{name}");
        assert!(!bundle.report().has(Code::DuplicateKey), "{name}");
    }
    // What was applied in plain text is kept with its markers.
    let applied = json!({"kind": "Secret", "stringData": {"tls.key": site.leaf.key_pem}});
    let copy = site.json("www", "").replace('\n', "");
    let material = read(yaml.replace(&copy, &applied.to_string()));
    assert_eq!(places(&material).join(" "), both);
    let one_line = site.json("www", "").replace('\n', "");
    let material = read(one_line);
    assert_eq!(places(&material)[2], "secret.yaml, tls.key:1");
    let utf16: Vec<u8> = yaml.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let material = read([b"\xff\xfe".to_vec(), utf16].concat());
    assert_eq!(places(&material).join(" "), both);
    assert_eq!(codes(&material), [Code::Utf16]);
}

#[test]
fn haproxy_serves_what_was_in_a_secret() {
    let site = Site::new("www.example.com");
    let folder = tempfile::tempdir().expect("/tmp is writable");
    let (secret, out) = (folder.path().join(NAME), folder.path().join("site.pem"));
    fs::write(&secret, site.yaml("www")).expect("/tmp is writable");
    let material = Reader::new().read_path(&secret).expect("a file");
    let bundle = bundler(&[&site.root.cert_pem]).build(material);
    haproxy::write(&bundle.expect("a bundle"), &out).expect("/tmp is writable");
    let running = Haproxy::serve(&out).unwrap_or_else(|said| panic!("{said}"));
    assert_eq!(running.served_chain(Some("www.example.com")), site.ders());
}

#[test]
fn entries_may_be_anything_that_is_read() {
    let site = Site::new("www.example.com");
    let folder = tempfile::tempdir().expect("/tmp is writable");
    let put = |name: &str, content: &str| {
        let path = folder.path().join(name);
        fs::write(&path, content).expect("/tmp is writable");
        path.to_str().expect("UTF-8").to_owned()
    };
    let (leaf, key) = (
        put("leaf.pem", &site.leaf.cert_pem),
        put("key.pem", &site.leaf.key_pem),
    );
    let passout = format!("pass:{PASSWORD}");
    let pfx = openssl(
        &[
            "pkcs12", "-export", "-in", &leaf, "-inkey", &key, "-passout", &passout,
        ],
        b"",
    );
    let p7b = openssl(
        &["crl2pkcs7", "-nocrl", "-outform", "DER", "-certfile", &leaf],
        b"",
    );
    let encrypted = openssl(&["pkcs8", "-topk8", "-in", &key, "-passout", &passout], b"");
    let twice = encode(encode(site.chain()));
    let wrapped = encode(&site.leaf.key_pem)
        .as_bytes()
        .chunks(76)
        .map(|line| format!("    {}\n", String::from_utf8_lossy(line)))
        .collect::<String>();
    let reader = || Reader::new().passphrases(|_| Some(PASSWORD.to_owned().into()));
    for (name, data, certificates, keys, owed) in [
        (
            "PKCS#12",
            format!("  keystore.p12: {}\n", encode(&pfx)),
            1,
            1,
            vec![Code::KeyDecrypted, Code::DerInput],
        ),
        (
            "PKCS#7",
            format!("  ca.p7b: {}\n", encode(&p7b)),
            1,
            0,
            vec![Code::DerInput],
        ),
        (
            "DER",
            format!(
                "  ca.crt: {}\n  k: {}\n",
                encode(&site.ca.cert_der),
                encode(&site.leaf.key_der)
            ),
            1,
            1,
            vec![Code::DerInput, Code::DerInput],
        ),
        (
            "an encrypted key",
            format!("  tls.key: {}\n", encode(&encrypted)),
            0,
            1,
            vec![Code::KeyDecrypted],
        ),
        (
            "base64 twice",
            format!("  tls.crt: {twice}\n"),
            2,
            0,
            vec![Code::Base64Wrapped],
        ),
        (
            "lines of 76",
            format!("  tls.key: |\n{wrapped}"),
            0,
            1,
            vec![],
        ),
        ("folded", format!("  tls.key: >-\n{wrapped}"), 0, 1, vec![]),
        (
            "no padding",
            format!(
                "  tls.crt: {}\n",
                encode(format!("{}\n\n", site.leaf.cert_pem.trim_end())).trim_end_matches('=')
            ),
            1,
            0,
            vec![],
        ),
        (
            "any name",
            format!(
                "  cert-2026: {}\n  password: aHVudGVyMg==\n",
                encode(&site.leaf.cert_pem)
            ),
            1,
            0,
            vec![],
        ),
        (
            "!!binary",
            format!("  tls.crt: !!binary {}\n", encode(&site.leaf.cert_pem)),
            1,
            0,
            vec![],
        ),
        (
            "flow style",
            format!(
                "  {{\"tls.crt\": {}, tls.key: '{}'}}\n",
                encode(&site.leaf.cert_pem),
                encode(&site.leaf.key_pem)
            ),
            1,
            1,
            vec![],
        ),
        (
            "PEM in plain",
            format!("  tls.crt: |\n{}", indented(&site.leaf.cert_pem, 4)),
            1,
            0,
            vec![Code::PlainData],
        ),
    ] {
        let read = reader().read(NAME, secret(&data).as_bytes());
        let material = read.expect("within the limits");
        assert_eq!(material.unreadable, [], "{name}");
        let found = (material.certificates.len(), material.keys.len());
        assert_eq!(found, (certificates, keys), "{name}");
        let found = codes(&material);
        let unpadded = name == "no padding" && found == [Code::Base64Padding];
        assert!(found == owed || unpadded, "{name}: {:?}", material.findings);
        let place = &places(&material)[0];
        assert!(place.starts_with("secret.yaml, "), "{name}: {place}");
    }
    let read = reader().read(
        NAME,
        secret(&format!("  a.p12: {}\n", encode(&pfx))).as_bytes(),
    );
    let owed = ["secret.yaml, a.p12, bag 1:6", "secret.yaml, a.p12, bag 2:6"];
    assert_eq!(places(&read.expect("within the limits")), owed);
}

#[test]
fn several_objects_are_told_apart_and_nothing_is_guessed() {
    let (www, api) = (Site::new("www.example.com"), Site::new("api.example.com"));
    let list = format!(
        "apiVersion: v1\nitems:\n- {}- {}kind: List\nmetadata:\n  resourceVersion: \"\"\n",
        indented(&www.yaml("www"), 2).trim_start(),
        indented(&api.yaml("api"), 2).trim_start(),
    );
    let json = format!(
        "{{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [\n{},\n{}]}}\n",
        www.json("www", ""),
        api.json("api", "")
    );
    let documents = format!("---\n{}---\n{}", www.yaml("www"), api.yaml("api"));
    let stream =
        format!("{}{}", www.json("www", ""), api.json("api", "")).replace("}\n{", "}\n---\n{");
    for (name, source) in [
        ("List", list),
        ("JSON", json),
        ("documents", documents),
        ("JSON documents", stream),
    ] {
        let material = read(&source);
        assert_eq!(
            (material.certificates.len(), material.keys.len()),
            (4, 2),
            "{name}"
        );
        assert!(
            places(&material)[0].starts_with("secret.yaml, Secret prod/www, tls.crt:"),
            "{name}"
        );
        // By the lines that the source has.
        for (key, name) in material.keys.iter().zip(["www", "api"]) {
            let origin = key.origin();
            let line = origin.first_line().expect("a line");
            let text = source.lines().nth(line - 1).expect("the line");
            assert!(text.contains("tls.key"), "{name}: {text}");
            assert_eq!(
                origin.part(),
                Some(&*format!("Secret prod/{name}, tls.key"))
            );
        }
        let [said] = material.findings.as_slice() else {
            panic!("{name}: {:?}", material.findings);
        };
        assert_eq!(said.code, Code::SeveralSecrets);
        for part in [
            "2 Secrets",
            "Secret prod/www (lines ",
            "Secret prod/api (lines ",
        ] {
            assert!(said.message.contains(part), "{name}: {}", said.message);
        }
        let bundler = bundler(&[&www.root.cert_pem, &api.root.cert_pem]);
        let refusal = bundler.build(material).expect_err("it is ambiguous");
        assert_eq!(
            errors(&refusal),
            [Code::AmbiguousPair, Code::AmbiguousPair],
            "{name}"
        );
        let text = refusal.report().to_string();
        assert!(text.contains("Secret prod/www, tls.key"), "{text}");
        assert!(text.contains("Secret prod/api, tls.key"), "{text}");
    }
    // Two objects that belong together are no trouble.
    let (leaf, key) = (encode(www.chain()), encode(&www.leaf.key_pem));
    let parted = format!(
        "{}---\n{}",
        secret(&format!("  tls.crt: {leaf}\n")),
        secret(&format!("  tls.key: {key}\n"))
    );
    let built = bundler(&[&www.root.cert_pem]).build(read(parted));
    assert_eq!(ders(&built.expect("a bundle")), www.ders());
}

#[test]
fn a_rendered_chart_is_read_with_its_config_maps_and_webhooks() {
    let site = Site::new("www.example.com");
    let other = Ca::root("Webhook");
    let chart = format!(
        "---
# Source: site/templates/deployment.yaml
apiVersion: apps/v1
kind: Deployment
metadata: {{name: site}}
spec: {{replicas: 2}}
---
# Source: site/templates/empty.yaml
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: kube-root-ca
data:
  ca.crt: |
{}binaryData:
  root.der: {}
---
{}---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata:
  name: hook
webhooks:
- name: a
- clientConfig:
    caBundle: {}
",
        indented(&site.ca.cert_pem, 4),
        encode(&site.root.cert_der),
        site.written(),
        encode(&other.cert_pem)
    );
    let material = read(&chart);
    assert_eq!(material.unreadable, []);
    let parts: Vec<_> = material
        .certificates
        .iter()
        .filter_map(|it| it.origin().part())
        .collect();
    assert_eq!(
        parts,
        [
            "ConfigMap kube-root-ca, ca.crt",
            "ConfigMap kube-root-ca, root.der",
            "Secret www, tls.crt",
            "Secret www, tls.crt",
            "ValidatingWebhookConfiguration hook, webhooks[1].clientConfig.caBundle",
        ]
    );
    assert_eq!(codes(&material), [Code::DerInput, Code::BlockLeftOut]);
    let left_out = &material.findings[1].message;
    assert!(
        left_out.contains("Deployment site (lines 3-6)"),
        "{left_out}"
    );
    let built = bundler(&[&site.root.cert_pem]).build(material);
    assert_eq!(ders(&built.expect("a bundle")), site.ders());
}

#[test]
fn what_is_wrong_with_an_entry_is_said_at_its_line() {
    let site = Site::new("www.example.com");
    let (certificate, key) = (encode(&site.leaf.cert_pem), encode(&site.leaf.key_pem));
    let with = |certificate: &str, key: &str| {
        secret(&format!("  tls.crt: {certificate}\n  tls.key: {key}\n"))
    };
    let cut = &key[..key.len() / 2];
    let cut = &cut[..cut.len() - (cut.len() % 4) + 1];
    for (name, source, code, expected, line, words) in [
        (
            "cut",
            with(&certificate, cut),
            Code::Truncated,
            Expected::Key,
            "tls.key:7",
            "ends too early",
        ),
        (
            "empty",
            with("", &key),
            Code::NotPem,
            Expected::Certificate,
            "tls.crt:6",
            "is empty",
        ),
        (
            "empty in quotes",
            with("\"\"", &key),
            Code::NotPem,
            Expected::Certificate,
            "tls.crt:6",
            "is empty",
        ),
        (
            "null",
            with("null", &key),
            Code::NotPem,
            Expected::Certificate,
            "tls.crt:6",
            "is empty",
        ),
        (
            "not base64",
            with("{{ x }}!", &key).replace("{{ x }}", "x"),
            Code::CorruptBase64,
            Expected::Certificate,
            "tls.crt:6",
            "not base64",
        ),
        (
            "a path",
            with("/etc/ssl.crt", &key),
            Code::CorruptBase64,
            Expected::Certificate,
            "tls.crt:6",
            "not base64",
        ),
        (
            "a template",
            with("{{ .Files.Get }}", &key),
            Code::NotPem,
            Expected::Certificate,
            "tls.crt:6",
            "is no text",
        ),
        (
            "a list",
            with("[a]", &key),
            Code::NotPem,
            Expected::Certificate,
            "tls.crt:6",
            "is no text",
        ),
        (
            "an alias",
            with("&a x", "*a").replace("&a x", &format!("&a {certificate}")),
            Code::NotPem,
            Expected::Key,
            "tls.key:7",
            "alias",
        ),
        (
            "garbage",
            with(&encode([7; 300]), &key),
            Code::NotPem,
            Expected::Certificate,
            "tls.crt:6",
            "neither",
        ),
        (
            "a key store",
            with(&certificate, &key) + "  store: /u3+7QAAAAI=\n",
            Code::NotPem,
            Expected::Any,
            "store:8",
            "Java key store",
        ),
        (
            "zip",
            with(&certificate, &key) + "  a.zip: UEsDBAoA\n",
            Code::NotPem,
            Expected::Any,
            "a.zip:8",
            "ZIP",
        ),
    ] {
        let material = read(&source);
        let (found, what, place, message) = unreadable(&material);
        assert_eq!((found, what), (code, expected), "{name}: {message}");
        assert_eq!(place, format!("secret.yaml, {line}"), "{name}");
        assert!(message.contains(words), "{name}: {message}");
        let refusal = bundler(&[&site.root.cert_pem]).build(material);
        if name != "zip" && name != "a key store" {
            assert!(!errors(&refusal.expect_err(name)).is_empty(), "{name}");
        }
    }
    let other = Site::new("www.example.com");
    let refusal = bundler(&[&site.root.cert_pem])
        .build(read(with(&certificate, &encode(&other.leaf.key_pem))))
        .expect_err("the key is another one's");
    let said = the(refusal.report(), Code::KeyMismatch);
    assert_eq!(place(said), "secret.yaml, tls.key:7");
}

#[test]
fn lines_inside_a_block_are_those_of_the_file() {
    let site = Site::new("www.example.com");
    let written = site.written();
    let lines: Vec<&str> = written.lines().collect();
    let at = lines
        .iter()
        .position(|line| line.contains("BEGIN CERT"))
        .expect("PEM")
        + 3;
    let broken = lines[at].replacen(char::is_alphanumeric, "?", 1);
    let source = written.replace(lines[at], &broken);
    let material = read(&source);
    let (code, _, place, message) = unreadable(&material);
    assert_eq!(code, Code::CorruptBase64);
    assert_eq!(place, format!("secret.yaml, tls.crt:{}", at + 1));
    assert!(message.contains(&format!("line {}", at + 1)), "{message}");
    // In base64 there are none to point at.
    let inner = site.leaf.cert_pem.replacen("MII", "M?I", 1);
    let material = read(secret(&format!("  tls.crt: {}\n", encode(inner))));
    let (code, _, place, message) = unreadable(&material);
    assert_eq!(
        (code, place.as_str()),
        (Code::CorruptBase64, "secret.yaml, tls.crt:6")
    );
    assert!(
        message.contains("line 2 of what it decodes to"),
        "{message}"
    );
}

#[test]
fn mistakes_of_syntax_are_named_with_their_line_and_the_rest_is_found() {
    let site = Site::new("www.example.com");
    let data = format!(
        "  tls.crt: {}\n  tls.key: {}\n",
        encode(site.chain()),
        encode(&site.leaf.key_pem)
    );
    for (name, source, line) in [
        (
            "indentation",
            secret(&data).replace("  tls.key", " tls.key"),
            7,
        ),
        // The value goes on up to the tab, and is what is wrong.
        ("a tab", secret(&data).replace("  tls.key", "\ttls.key"), 6),
        ("a quote", secret(&data) + "type: 'kubernetes.io/tls\n", 8),
        (
            "a directive of a template",
            secret(&data) + "{{- if .Values.tls }}\n",
            8,
        ),
        ("PEM after it", secret(&data) + &site.root.cert_pem, 8),
        (
            "JSON cut",
            site.json("www", "")
                .trim_end()
                .trim_end_matches('}')
                .to_owned(),
            1,
        ),
        ("no UTF-8", secret(&data) + "# caf\u{e9}\n", 8),
        (
            "deep",
            secret(&data) + "x: " + &"[".repeat(100_000) + "\n",
            8,
        ),
    ] {
        let mut bytes = source.into_bytes();
        if name == "no UTF-8" {
            bytes.retain(|&byte| byte != 0xc3);
        }
        let material = read(&bytes);
        let (code, expected, place, message) = unreadable(&material);
        assert_eq!(
            (code, expected),
            (Code::ManifestSyntax, Expected::Any),
            "{name}: {message}"
        );
        assert_eq!(place, format!("secret.yaml:{line}"), "{name}: {message}");
        assert!(
            message.contains(&format!("line {line}")),
            "{name}: {message}"
        );
        let built = bundler(&[&site.root.cert_pem]).build(material);
        let built = built.unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        assert_eq!(ders(&built), site.ders(), "{name}");
    }
}

#[test]
fn what_others_have_to_open_is_said_with_what_to_do() {
    let sealed = "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata:\n  name: www\nspec:\n  encryptedData:\n    tls.crt: AgBy3i4OJSWK+PiTySYZZA9rO43cGDEq\n    tls.key: AgCtr8OJSWK+PiTySYZZA9rO43cGDEqA\n";
    let external = "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata:\n  name: www\nspec:\n  target:\n    name: www-tls\n";
    let sops = secret(
        "  tls.crt: ENC[AES256_GCM,data:p673w==,iv:YY==,tag:ZZ==,type:str]\n  tls.key: ENC[AES256_GCM,data:p673w==,iv:YY==,tag:ZZ==,type:str]\n",
    ) + "sops:\n  version: 3.9.0\n";
    for (source, words, help) in [
        (
            sealed,
            "SealedSecret www is encrypted",
            "kubectl get secret",
        ),
        (
            external,
            "ExternalSecret www says where",
            "kubectl get secret",
        ),
        (&sops, "Secret www is encrypted with SOPS", "sops -d"),
    ] {
        let material = read(source);
        let (code, expected, place, message) = unreadable(&material);
        assert_eq!((code, expected), (Code::UnsupportedFormat, Expected::Any));
        assert!(message.contains(words), "{message}");
        assert!(place.starts_with("secret.yaml:1-"), "{place}");
        let said = material.unreadable[0].finding.help.as_deref();
        assert!(said.expect("a help").contains(help), "{said:?}");
    }
    let none = secret("  password: aHVudGVyMg==\n");
    let material = read(&none);
    let (code, _, _, message) = unreadable(&material);
    assert_eq!(code, Code::NotPem);
    assert!(message.contains("Secret www (lines 1-6)"), "{message}");
}

#[test]
fn plain_text_takes_the_place_of_data_as_in_kubernetes() {
    let (site, old) = (Site::new("www.example.com"), Site::new("old.example.com"));
    let both = format!(
        "{}data:\n  tls.crt: {}\n  tls.key: {}\n",
        site.written(),
        encode(old.chain()),
        encode(&old.leaf.key_pem)
    );
    let material = read(&both);
    assert_eq!(codes(&material), [Code::BlockLeftOut, Code::BlockLeftOut]);
    let built = bundler(&[&site.root.cert_pem]).build(material);
    assert_eq!(ders(&built.expect("a bundle")), site.ders());
}

#[test]
fn other_text_is_read_as_before() {
    let site = Site::new("www.example.com");
    let values = format!(
        "kind: ingress\ntls:\n  crt: |\n{}",
        indented(&site.leaf.cert_pem, 4)
    );
    let mail = format!("kind regards,\nme\n\n{}", site.leaf.cert_pem);
    for source in [values, mail] {
        let material = read(&source);
        assert_eq!(material.certificates.len(), 1);
        assert_eq!(material.certificates[0].origin().part(), None);
        assert_eq!(material.unreadable, []);
    }
}

#[test]
fn hostile_manifests_cost_little() {
    let head = "apiVersion: v1\nkind: Secret\n";
    let many = |line: &str, count| format!("{head}data:\n{}", line.repeat(count));
    let numbered =
        |format: fn(usize) -> String, count| -> String { (0..count).map(format).collect() };
    let laughs = numbered(
        |n| format!("a{}: &a{} [*a{n}, *a{n}, *a{n}]\n", n + 1, n + 1),
        500,
    );
    let entries = numbered(|n| format!("  a{n}: YQ==\n"), 200_000);
    for (name, source) in [
        ("aliases", format!("{head}a0: &a0 LS0t\n{laughs}")),
        (
            "10 MB of base64",
            many(&format!("  tls.key: {}\n", "A".repeat(10_000_000)), 1),
        ),
        (
            "10 MB of lines",
            many("  tls.key: |\n", 1) + &"    AAAA\n".repeat(1_000_000),
        ),
        ("as many entries", many(&entries, 1)),
        (
            "as many overruled",
            format!("{head}stringData:\n{entries}data:\n{entries}"),
        ),
        (
            "data again and again",
            head.to_owned() + &"data: {}\n".repeat(200_000),
        ),
        ("documents", format!("{head}---\n").repeat(100_000)),
        ("values", format!("{head}a: [{}]\n", "a,".repeat(1_200_000))),
        ("braces", format!("{head}a: {}", "{a: ".repeat(500_000))),
        (
            "a path",
            (0..200).fold(format!("{head}x:\n"), |mut text, depth| {
                let _ = writeln!(text, "{}{}:", " ".repeat(depth + 1), "k".repeat(200));
                text
            }) + &format!("{}- LS0t\n", " ".repeat(201)).repeat(100_000),
        ),
    ] {
        let begin = Instant::now();
        let material = read(&source);
        assert!(
            material.certificates.is_empty() && material.keys.is_empty(),
            "{name}"
        );
        let seconds = begin.elapsed().as_secs_f64();
        println!("{name}: {seconds:.1} s of {} MB", source.len() / 1_000_000);
        // Nothing is more than linear; the machine may be slow, and the build unoptimised.
        assert!(seconds < 60.0, "{name}: {seconds} s");
    }
}

#[test]
fn nothing_of_a_key_is_printed() {
    let site = Site::new("www.example.com");
    let key = encode(&site.leaf.key_pem);
    let body: String = site
        .leaf
        .key_pem
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    // With no character in it that names have not.
    let name = body.replace(['+', '/', '='], "_");
    for source in [
        site.yaml("www"),
        site.written(),
        secret(&format!("  tls.key: {}!{}\n", &key[..100], &key[100..])),
        secret(&format!("  tls.key: {}\n", &key[..key.len() / 2])),
        secret(&format!("  {body}: x\n  tls.key:\n    {body}: LS0t\n")),
        secret(&format!("  tls.key: {key}\n {body}: @\n")),
        secret(&format!("  tls.key: *{body}\n")),
        secret("  a: b\n").replace("www", &body),
        secret("  a: b\n").replace("www", &name),
        secret("  a: b\n").replace("Secret", &name),
        secret(&format!("  {name}.crt: x\n  k:\n    {name}: LS0t\n")),
        secret(&format!(
            "  {name}.crt: [{key}]\nx: {{{name}: {}}}\n",
            encode(&site.leaf.cert_pem)
        )),
    ] {
        let material = read(&source);
        let mut printed = format!("{material:#?}");
        let unreadable = material.unreadable.iter().map(|it| &it.finding);
        for finding in material.findings.iter().chain(unreadable) {
            let excerpt = finding.origin.as_ref().and_then(|origin| origin.excerpt());
            let _ = write!(printed, "{finding} {excerpt:?}");
        }
        if let Err(refusal) = bundler(&[&site.root.cert_pem]).build(material) {
            printed += &report(refusal.report());
        }
        for secret in [key.as_str(), &body] {
            let mut windows = secret.as_bytes().windows(12);
            // The first characters are the same for all keys.
            let leak = windows.find(|window| {
                let text = std::str::from_utf8(window).expect("ASCII");
                let common = "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk1JR0hBZ0VBTUJNR0J5cUdTTTQ5QWdFR0NDcUdTTTQ5QXdFSEJHMHdhd0lCQVFRZ";
                !common.contains(text) && printed.contains(text)
            });
            assert!(leak.is_none(), "{printed}");
        }
    }
}

fn report(report: &Report) -> String {
    report.to_string()
}
