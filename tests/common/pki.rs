//! A PKI made as the test runs.
//!
//! Certificates are written by `rcgen`, which shares no parser with the crate under test. Keys
//! that its backend cannot hold (P-521, and RSA outside of 2048 to 4096 bits) can be a leaf's,
//! not a CA's.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

pub use rcgen::ExtendedKeyUsagePurpose as Eku;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateRevocationListParams,
    CustomExtension, DistinguishedName, DnType, GeneralSubtree, IsCa, Issuer, KeyIdMethod, KeyPair,
    KeyUsagePurpose, NameConstraints, PublicKeyData, SanType, SignatureAlgorithm, SigningKey,
    date_time_ymd,
};

use super::der::{contents, der, second, sequence, split, values};
use super::openssl::openssl;

/// Year, month and day; a validity starts or ends at its midnight, UTC.
pub type Day = (i32, u8, u8);

/// When the certificates begin, unless the test says otherwise.
pub const BEGIN: Day = (2020, 1, 1);
/// When the certificates end, unless the test says otherwise: tests do not run out.
pub const END: Day = (2120, 1, 1);

/// The kinds of key a certificate can be made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    P256,
    P384,
    /// For leaves only.
    P521,
    /// With that many bits; a CA's needs 2048 to 4096 of them.
    Rsa(u32),
    Ed25519,
}

/// A key pair, shared by [`Arc`] between the certificates that certify it.
pub struct Key {
    pkcs8: Vec<u8>,
    /// The subject public key info.
    spki: Vec<u8>,
    /// The same key as `rcgen` holds it, if its backend can.
    pair: Option<KeyPair>,
}

impl Key {
    /// A key that no other call has returned.
    pub fn new(kind: KeyKind) -> Arc<Key> {
        let genpkey = |algorithm: &str, option: &str| {
            let mut args = vec!["genpkey", "-quiet", "-algorithm", algorithm];
            if !option.is_empty() {
                args.extend(["-pkeyopt", option]);
            }
            Key::from_pkcs8_pem(&openssl(&args, b""))
        };
        let generate = |algorithm: &'static SignatureAlgorithm| {
            let pair = KeyPair::generate_for(algorithm).expect("ring makes the key");
            Arc::new(Key {
                pkcs8: pair.serialize_der(),
                spki: pair.subject_public_key_info(),
                pair: Some(pair),
            })
        };
        match kind {
            KeyKind::P256 => generate(&rcgen::PKCS_ECDSA_P256_SHA256),
            KeyKind::P384 => generate(&rcgen::PKCS_ECDSA_P384_SHA384),
            KeyKind::P521 => genpkey("EC", "ec_paramgen_curve:P-521"),
            KeyKind::Rsa(bits) => genpkey("RSA", &format!("rsa_keygen_bits:{bits}")),
            // ring could make one, but as PKCS#8 version 2, which OpenSSL 3.0 does not read.
            KeyKind::Ed25519 => genpkey("ED25519", ""),
        }
    }

    /// The `n`th key of this kind, the same one on each call in this process. RSA keys are slow to
    /// make, so tests that need many certificates share them this way.
    pub fn nth(kind: KeyKind, n: usize) -> Arc<Key> {
        type Keys = Mutex<HashMap<(KeyKind, usize), Arc<Key>>>;
        static KEYS: LazyLock<Keys> = LazyLock::new(Keys::default);
        let mut keys = KEYS.lock().expect("no test panics while it makes a key");
        Arc::clone(keys.entry((kind, n)).or_insert_with(|| Key::new(kind)))
    }

    /// Any key that OpenSSL reads, an RSA-PSS or Ed448 one for example.
    pub fn from_pkcs8_pem(key_pem: &[u8]) -> Arc<Key> {
        let pkcs8 = pem::parse(key_pem)
            .expect("openssl writes PEM")
            .into_contents();
        let spki = openssl(&["pkey", "-pubout", "-outform", "DER"], key_pem);
        let pair = KeyPair::try_from(pkcs8.as_slice()).ok();
        Arc::new(Key { pkcs8, spki, pair })
    }

    /// PKCS#8 version 1.
    pub fn pem(&self) -> String {
        pem_block("PRIVATE KEY", &self.pkcs8)
    }

    /// PKCS#8 version 1.
    pub fn der(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The subject public key info.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// PKCS#8 version 2 (RFC 5958), which has the public key behind the private one. No option of
    /// `openssl` writes it, though ring and other libraries do.
    pub fn pkcs8_v2_der(&self) -> Vec<u8> {
        const VERSION_LEN: usize = 3;
        let bit_string = contents(second(contents(&self.spki)));
        let fields = &contents(&self.pkcs8)[VERSION_LEN..];
        der(
            0x30,
            &[&[0x02, 0x01, 0x01], fields, &der(0x81, &[bit_string])],
        )
    }

    /// [`Key::pkcs8_v2_der`] as PEM.
    pub fn pkcs8_v2_pem(&self) -> String {
        pem_block("PRIVATE KEY", &self.pkcs8_v2_der())
    }

    fn signer(&self) -> &KeyPair {
        self.pair
            .as_ref()
            .expect("a CA's key is one that ring can sign with")
    }
}

/// What a CA's subject key identifier is. What it issues points back at it with an authority key
/// identifier (unless told not to), so an absent one is absent there too.
#[derive(Clone, Debug, Default)]
pub enum KeyId {
    /// A hash of the key.
    #[default]
    Derived,
    /// These bytes, so that twins with the same key can differ.
    Given(Vec<u8>),
    Absent,
}

/// What a CA certificate says.
#[derive(Clone)]
pub struct CaOptions {
    /// The subject's common name, and the whole subject.
    pub name: String,
    pub not_before: Day,
    pub not_after: Day,
    /// The kind of key to make, without a `shared_key`.
    pub key: KeyKind,
    /// The key to certify. Twins and cross-signs share one (see [`Ca::key`]).
    pub shared_key: Option<Arc<Key>>,
    pub key_id: KeyId,
    /// Whether an intermediate points at its issuer's key. Roots never do.
    pub authority_key_id: bool,
    /// Whether the basic constraints say so; one that does not has no `path_len`.
    pub is_ca: bool,
    pub path_len: Option<u8>,
    pub permitted_dns: Vec<String>,
    pub excluded_dns: Vec<String>,
    pub ekus: Vec<Eku>,
    /// Where the issuer's certificate is to be had: the AIA extension's `caIssuers`.
    pub ca_issuers: Vec<String>,
}

impl Default for CaOptions {
    fn default() -> Self {
        Self {
            name: "Test CA".to_owned(),
            not_before: BEGIN,
            not_after: END,
            key: KeyKind::P256,
            shared_key: None,
            key_id: KeyId::Derived,
            authority_key_id: true,
            is_ca: true,
            path_len: None,
            permitted_dns: Vec::new(),
            excluded_dns: Vec::new(),
            ekus: Vec::new(),
            ca_issuers: Vec::new(),
        }
    }
}

impl CaOptions {
    /// The defaults with that common name.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    fn key(&self) -> Arc<Key> {
        self.shared_key
            .clone()
            .unwrap_or_else(|| Key::new(self.key))
    }

    fn params(&self) -> CertificateParams {
        let mut params = params(&self.name, self.not_before, self.not_after);
        let constraints = self
            .path_len
            .map_or(BasicConstraints::Unconstrained, |len| {
                BasicConstraints::Constrained(len)
            });
        params.is_ca = match self.is_ca {
            true => IsCa::Ca(constraints),
            false => IsCa::ExplicitNoCa,
        };
        match &self.key_id {
            KeyId::Derived => {}
            KeyId::Given(id) => {
                params.key_identifier_method = KeyIdMethod::PreSpecified(id.clone());
            }
            KeyId::Absent if !self.is_ca => params.is_ca = IsCa::NoCa,
            KeyId::Absent => {
                // rcgen gives every CA a key identifier, so this one is a CA behind its back.
                params.is_ca = IsCa::NoCa;
                params.custom_extensions.push(ca_constraints(self.path_len));
            }
        }
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.extended_key_usages.clone_from(&self.ekus);
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: dns_subtrees(&self.permitted_dns),
            excluded_subtrees: dns_subtrees(&self.excluded_dns),
        });
        params
            .custom_extensions
            .extend(authority_information_access(&self.ca_issuers));
        params
    }
}

/// A certificate authority: a certificate, and the key to issue others with.
pub struct Ca {
    pub cert_pem: String,
    pub cert_der: Vec<u8>,
    pub key: Arc<Key>,
    params: CertificateParams,
    has_key_id: bool,
}

impl Ca {
    /// A self-signed CA with a P-256 key.
    pub fn root(name: &str) -> Ca {
        Ca::root_with(CaOptions::named(name))
    }

    pub fn root_with(options: CaOptions) -> Ca {
        let (key, params) = (options.key(), options.params());
        let cert = params
            .self_signed(key.signer())
            .expect("rcgen signs the root");
        Ca::new(&cert, key, params, &options)
    }

    /// A CA with a P-256 key, issued by this one.
    pub fn intermediate(&self, name: &str) -> Ca {
        self.intermediate_with(CaOptions::named(name))
    }

    pub fn intermediate_with(&self, options: CaOptions) -> Ca {
        let (key, mut params) = (options.key(), options.params());
        params.use_authority_key_identifier_extension = options.authority_key_id && self.has_key_id;
        let cert = params
            .signed_by(key.signer(), &self.issuer())
            .expect("rcgen signs the intermediate");
        Ca::new(&cert, key, params, &options)
    }

    /// A server certificate for that name, with a P-256 key.
    pub fn leaf_named(&self, name: &str) -> Leaf {
        self.leaf(LeafOptions::named(name))
    }

    pub fn leaf(&self, options: LeafOptions) -> Leaf {
        let (key, mut params) = (options.key(), options.params());
        params.use_authority_key_identifier_extension = options.authority_key_id && self.has_key_id;
        let cert_der = match &key.pair {
            Some(pair) => params
                .signed_by(pair, &self.issuer())
                .expect("rcgen signs the leaf")
                .der()
                .to_vec(),
            None => self.sign_for_key_unknown_to_rcgen(&params, &key),
        };
        Leaf::new(cert_der, key)
    }

    /// An empty certificate revocation list: a block that is no certificate, though CAs hand it
    /// over with them.
    pub fn crl_pem(&self) -> String {
        self.crl_pem_until(END)
    }

    /// The same, with the next one due on that day.
    pub fn crl_pem_until(&self, next: Day) -> String {
        CertificateRevocationListParams {
            this_update: self.params.not_before,
            next_update: date_time_ymd(next.0, next.1, next.2),
            crl_number: serial().into(),
            issuing_distribution_point: None,
            revoked_certs: Vec::new(),
            key_identifier_method: self.params.key_identifier_method.clone(),
        }
        .signed_by(&self.issuer())
        .and_then(|crl| crl.pem())
        .expect("rcgen signs the CRL")
    }

    fn new(
        cert: &Certificate,
        key: Arc<Key>,
        params: CertificateParams,
        options: &CaOptions,
    ) -> Ca {
        Ca {
            cert_pem: cert.pem(),
            cert_der: cert.der().to_vec(),
            key,
            params,
            has_key_id: !matches!(options.key_id, KeyId::Absent),
        }
    }

    fn issuer(&self) -> Issuer<'_, &KeyPair> {
        Issuer::from_params(&self.params, self.key.signer())
    }

    /// rcgen writes only the key types its backend knows, so it gets a [`StandIn`], which the real
    /// key then replaces in what is signed once more.
    fn sign_for_key_unknown_to_rcgen(&self, params: &CertificateParams, key: &Key) -> Vec<u8> {
        let stand_in = StandIn {
            real_spki: &key.spki,
        };
        let cert = params
            .signed_by(&stand_in, &self.issuer())
            .expect("rcgen signs for the stand-in");
        assert_eq!(subject_public_key_info(cert.der()), StandIn::written_spki());
        self.reissue(cert.der(), |fields| fields[6] = key.spki.clone())
    }

    /// That certificate of X.509 version 3 with other fields (those of RFC 5280's TBSCertificate,
    /// in order, the extensions last), signed by this CA.
    pub fn reissue(&self, cert_der: &[u8], edit: impl FnOnce(&mut Vec<Vec<u8>>)) -> Vec<u8> {
        let (tbs, signature_fields) = split(contents(cert_der));
        let mut fields = values(contents(tbs));
        edit(&mut fields);
        let tbs = sequence(&fields);
        let (algorithm, _) = split(signature_fields);
        let signature = self
            .key
            .signer()
            .sign(&tbs)
            .expect("ring signs the certificate");
        der(0x30, &[&tbs, algorithm, &der(0x03, &[&[0], &signature])])
    }
}

/// What an end-entity certificate says.
#[derive(Clone)]
pub struct LeafOptions {
    /// The subject's common name, and the whole subject.
    pub name: String,
    pub dns: Vec<String>,
    pub ips: Vec<IpAddr>,
    pub not_before: Day,
    pub not_after: Day,
    /// The kind of key to make, without a `shared_key`.
    pub key: KeyKind,
    /// The key to certify; a renewal keeps the old certificate's [`Leaf::key`].
    pub shared_key: Option<Arc<Key>>,
    /// Whether it points at its issuer's key.
    pub authority_key_id: bool,
    /// What the basic constraints say; `None` leaves the extension out.
    pub is_ca: Option<bool>,
    pub ekus: Vec<Eku>,
    /// Where the issuer's certificate is to be had: the AIA extension's `caIssuers`.
    pub ca_issuers: Vec<String>,
}

impl Default for LeafOptions {
    fn default() -> Self {
        Self {
            name: "www.example.com".to_owned(),
            dns: vec!["www.example.com".to_owned()],
            ips: Vec::new(),
            not_before: BEGIN,
            not_after: END,
            key: KeyKind::P256,
            shared_key: None,
            authority_key_id: true,
            is_ca: Some(false),
            ekus: vec![Eku::ServerAuth],
            ca_issuers: Vec::new(),
        }
    }
}

impl LeafOptions {
    /// The defaults for that host name: the common name and the one DNS name.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            dns: vec![name.to_owned()],
            ..Self::default()
        }
    }

    fn key(&self) -> Arc<Key> {
        self.shared_key
            .clone()
            .unwrap_or_else(|| Key::new(self.key))
    }

    fn params(&self) -> CertificateParams {
        let mut params = params(&self.name, self.not_before, self.not_after);
        let dns = self.dns.iter().map(|name| {
            let name = name.as_str().try_into();
            SanType::DnsName(name.expect("the DNS name is ASCII"))
        });
        let ips = self.ips.iter().copied().map(SanType::IpAddress);
        params.subject_alt_names = dns.chain(ips).collect();
        params.is_ca = match self.is_ca {
            None => IsCa::NoCa,
            Some(false) => IsCa::ExplicitNoCa,
            Some(true) => IsCa::Ca(BasicConstraints::Unconstrained),
        };
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages.clone_from(&self.ekus);
        params
            .custom_extensions
            .extend(authority_information_access(&self.ca_issuers));
        params
    }
}

/// An end-entity certificate with its key.
pub struct Leaf {
    pub cert_pem: String,
    pub cert_der: Vec<u8>,
    /// PKCS#8 version 1.
    pub key_pem: String,
    /// PKCS#8 version 1.
    pub key_der: Vec<u8>,
    pub key: Arc<Key>,
}

impl Leaf {
    fn new(cert_der: Vec<u8>, key: Arc<Key>) -> Leaf {
        Leaf {
            cert_pem: pem_block("CERTIFICATE", &cert_der),
            cert_der,
            key_pem: key.pem(),
            key_der: key.pkcs8.clone(),
            key,
        }
    }
}

/// A certificate for that host name that vouches for itself, marked as a CA or as none.
pub fn self_signed_leaf(name: &str, is_ca: bool) -> Leaf {
    let options = LeafOptions {
        is_ca: Some(is_ca),
        ..LeafOptions::named(name)
    };
    let key = options.key();
    let cert = options
        .params()
        .self_signed(key.signer())
        .expect("rcgen signs the certificate");
    Leaf::new(cert.der().to_vec(), key)
}

/// One PEM block, as OpenSSL writes it.
pub fn pem_block(label: &str, der: &[u8]) -> String {
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    pem::encode_config(&pem::Pem::new(label, der), config)
}

fn subject_public_key_info(cert_der: &[u8]) -> Vec<u8> {
    values(contents(contents(cert_der))).swap_remove(6)
}

fn params(name: &str, not_before: Day, not_after: Day) -> CertificateParams {
    let midnight = |(year, month, day): Day| date_time_ymd(year, month, day);
    let mut params = CertificateParams::default();
    params.not_before = midnight(not_before);
    params.not_after = midnight(not_after);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    // rcgen's own is a hash of the key, which would be the same for twins.
    params.serial_number = Some(serial().into());
    params
}

/// A serial number that no other certificate of this process has.
fn serial() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0x1000);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn dns_subtrees(names: &[String]) -> Vec<GeneralSubtree> {
    names.iter().cloned().map(GeneralSubtree::DnsName).collect()
}

fn ca_constraints(path_len: Option<u8>) -> CustomExtension {
    let path_len = path_len.map_or(Vec::new(), |len| der(0x02, &[&[len]]));
    let content = der(0x30, &[&der(0x01, &[&[0xff]]), &path_len]);
    let mut extension = CustomExtension::from_oid_content(&[2, 5, 29, 19], content);
    extension.set_criticality(true);
    extension
}

fn authority_information_access(ca_issuers: &[String]) -> Option<CustomExtension> {
    const CA_ISSUERS: [u8; 8] = [0x2b, 6, 1, 5, 5, 7, 0x30, 2];
    let access = |url: &String| {
        let location = der(0x86, &[url.as_bytes()]);
        der(0x30, &[&der(0x06, &[&CA_ISSUERS]), &location])
    };
    let all: Vec<u8> = ca_issuers.iter().flat_map(access).collect();
    let content = der(0x30, &[&all]);
    let extension = || CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], content);
    (!ca_issuers.is_empty()).then(extension)
}

/// The public key that rcgen writes in place of one it has no algorithm for.
struct StandIn<'a> {
    real_spki: &'a [u8],
}

impl StandIn<'_> {
    /// An Ed25519 key that no one has.
    const BITS: &'static [u8; 32] = b"in place of a key unknown to it.";

    /// What rcgen makes of the other methods.
    fn written_spki() -> Vec<u8> {
        let algorithm = der(0x30, &[&der(0x06, &[&[0x2b, 0x65, 0x70]])]);
        der(0x30, &[&algorithm, &der(0x03, &[&[0], Self::BITS])])
    }
}

impl PublicKeyData for StandIn<'_> {
    /// Only the key identifier is made of this.
    fn subject_public_key_info(&self) -> Vec<u8> {
        self.real_spki.to_vec()
    }

    fn der_bytes(&self) -> &[u8] {
        Self::BITS
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ED25519
    }
}
