//! Bundles as PKCS#12 (RFC 7292): what Windows, Java and cloud consoles take in as `.pfx` and `.p12`.
//!
//! Only schemes that are still good are written. What others write is read in `read`.

use std::num::NonZeroU32;

use cbc::Encryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit};
use der::asn1::ObjectIdentifier;
use der::{Decode, Encode, Header, Length, Tag, TagNumber};
use hmac::{Hmac, KeyInit, Mac as _};
use ring::pbkdf2;
use ring::rand::{SecureRandom, SystemRandom};
use sha2::{Digest, Sha256};
use spki::SubjectPublicKeyInfoRef;
use zeroize::Zeroizing;

use crate::bundle::Bundle;
use crate::cert::Certificate;
use crate::common_name::common_names;
use crate::error::Error;
use crate::passphrase::Passphrase;
use crate::pbe::{Purpose, Secret, derive};

/// How often the hash is iterated for each of the three keys: as many times for the MAC as for the
/// ciphers, because whoever guesses passphrases tries them where it is cheapest.
const ITERATIONS: NonZeroU32 = NonZeroU32::new(600_000).unwrap();
const SALT_LENGTH: usize = 16;
const KEY_LENGTH: usize = 32;
const BLOCK_LENGTH: usize = 16;
/// The most characters of a friendlyName (RFC 2985 section 5.5.1).
const NAME_LENGTH: usize = 255;

const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const ENCRYPTED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.6");
const SHROUDED_KEY_BAG: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.2");
const CERT_BAG: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.3");
const X509_CERTIFICATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.22.1");
const FRIENDLY_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.20");
const LOCAL_KEY_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.21");
const PBES2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.13");
const PBKDF2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.12");
const HMAC_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.9");
const AES256_CBC: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.42");
const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");

/// The bundle as a PKCS#12 container (RFC 7292) in DER, which this passphrase opens.
///
/// It holds the leaf, then its issuers as they are written for HAProxy, and the key. Leaf and key
/// have the same localKeyId, and as friendlyName the leaf's name, which Java takes as the alias.
/// DH parameters are left out: PKCS#12 has no place for them.
///
/// Certificates and key are encrypted with AES-256-CBC (PBES2, RFC 8018) under keys that PBKDF2
/// derives with HMAC-SHA-256; the MAC is HMAC-SHA-256 under a key derived as in appendix B. Each
/// of the three takes 600,000 iterations and a random salt of 16 bytes. OpenSSL, GnuTLS, Java since
/// 8u301 and Windows since Server 2019 open that. No part of it is as strong as the passphrase is
/// not; an empty one is taken, and protects nothing.
///
/// The result is zeroized when it is dropped.
///
/// # Errors
///
/// [`Error::NotEncoded`] when the system gives no random bytes, or when the bundle is larger than
/// DER allows.
///
/// ```
/// use fullchain::{Bundler, Passphrase, Reader, TrustStore, to_pkcs12};
/// use rustls_pki_types::UnixTime;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let root = include_bytes!("../testdata/root.pem");
/// # let pile = include_bytes!("../testdata/damaged/reversed.pem");
/// let (roots, _) = TrustStore::from_material("corp", Reader::new().read("root.pem", root)?)?;
/// let material = Reader::new().read("pile.pem", pile)?;
/// let bundle = Bundler::new(roots, UnixTime::now()).build(material)?;
///
/// let passphrase = Passphrase::from(String::from("correct horse"));
/// let pfx = to_pkcs12(&bundle, &passphrase)?;
///
/// let mut reader = Reader::new().passphrases(move |_| Some(passphrase.clone()));
/// let again = reader.read("site.pfx", &pfx)?;
/// assert_eq!((again.certificates.len(), again.keys.len()), (2, 1));
/// # Ok(())
/// # }
/// ```
pub fn to_pkcs12(bundle: &Bundle, passphrase: &Passphrase) -> Result<Zeroizing<Vec<u8>>, Error> {
    let protection = Protection {
        secret: Secret::new(passphrase),
        random: SystemRandom::new(),
    };
    protection.pfx(bundle).map_err(|failure| Error::NotEncoded {
        format: "PKCS#12",
        reason: match failure {
            Failure::Encoding(error) => error.to_string(),
            Failure::Key => "the key has no PKCS#8 form".to_owned(),
            Failure::NoRandomness => "the system gives no random bytes".to_owned(),
            Failure::Cryptography => "encryption failed".to_owned(),
        },
    })
}

/// DER, which may be secret.
type Der = Zeroizing<Vec<u8>>;

enum Failure {
    Encoding(der::Error),
    Key,
    NoRandomness,
    /// A cipher or MAC does not take what it was given, whose lengths are all fixed here.
    Cryptography,
}

impl From<der::Error> for Failure {
    fn from(error: der::Error) -> Self {
        Self::Encoding(error)
    }
}

/// What the parts of a container are protected with.
struct Protection {
    secret: Secret,
    random: SystemRandom,
}

impl Protection {
    /// PFX (RFC 7292 section 4).
    fn pfx(&self, bundle: &Bundle) -> Result<Der, Failure> {
        let attributes = attributes(bundle.chain().leaf())?;
        let certificates = self.encrypted_certificates(bundle, &attributes)?;
        let key = self.shrouded_key(bundle, &attributes)?;
        let safe = sequence(&[&certificates, &content_info(DATA, &octets(&key)?)?])?;
        let content = content_info(DATA, &octets(&safe)?)?;
        let mac = self.mac_data(&safe)?;
        Ok(sequence(&[&3_u8.to_der()?, &content, &mac])?)
    }

    /// SafeContents of the certificates, as EncryptedData (RFC 5652 section 8).
    fn encrypted_certificates(&self, bundle: &Bundle, leaf: &[u8]) -> Result<Der, Failure> {
        let mut bags = Vec::new();
        for (number, certificate) in bundle.chain().certificates().enumerate() {
            bags.push(cert_bag(certificate, if number == 0 { leaf } else { &[] })?);
        }
        let bags: Vec<&[u8]> = bags.iter().map(|bag| bag.as_slice()).collect();
        let (algorithm, encrypted) = self.encrypt(&sequence(&bags)?)?;
        let encrypted = element(context(0, false), &[&encrypted])?;
        let info = sequence(&[&DATA.to_der()?, &algorithm, &encrypted])?;
        let data = sequence(&[&0_u8.to_der()?, &info])?;
        Ok(content_info(ENCRYPTED_DATA, &data)?)
    }

    /// SafeContents of the key alone, which is encrypted in its bag (RFC 7292 section 4.2.2).
    fn shrouded_key(&self, bundle: &Bundle, attributes: &[u8]) -> Result<Der, Failure> {
        let leaf = bundle.chain().leaf();
        let public = SubjectPublicKeyInfoRef::from_der(leaf.subject_public_key_info())?;
        let public = public.subject_public_key.raw_bytes();
        let key = bundle.key().pkcs8(Some(public)).ok_or(Failure::Key)?;
        let (algorithm, encrypted) = self.encrypt(key.secret_der().secret_der())?;
        let info = sequence(&[&algorithm, &octets(&encrypted)?])?;
        Ok(sequence(&[&safe_bag(
            SHROUDED_KEY_BAG,
            &info,
            attributes,
        )?])?)
    }

    /// The AlgorithmIdentifier of PBES2 (RFC 8018 appendix A.4), and the content encrypted so.
    fn encrypt(&self, content: &[u8]) -> Result<(Der, Vec<u8>), Failure> {
        let salt: [u8; SALT_LENGTH] = self.random()?;
        let vector: [u8; BLOCK_LENGTH] = self.random()?;
        let mut key = Zeroizing::new([0; KEY_LENGTH]);
        let passphrase = self.secret.text.as_bytes();
        let prf = pbkdf2::PBKDF2_HMAC_SHA256;
        pbkdf2::derive(prf, ITERATIONS, &salt, passphrase, &mut *key);

        let prf = algorithm(HMAC_WITH_SHA256, &null()?)?;
        let iterations = ITERATIONS.get().to_der()?;
        let parameters = sequence(&[&octets(&salt)?, &iterations, &prf])?;
        let derivation = algorithm(PBKDF2, &parameters)?;
        let cipher = algorithm(AES256_CBC, &octets(&vector)?)?;
        let scheme = algorithm(PBES2, &sequence(&[&derivation, &cipher])?)?;
        Ok((scheme, aes256_cbc(&key, &vector, content)?))
    }

    /// MacData (RFC 7292 section 4) over AuthenticatedSafe.
    fn mac_data(&self, safe: &[u8]) -> Result<Der, Failure> {
        let salt: [u8; SALT_LENGTH] = self.random()?;
        let iterations = ITERATIONS.get();
        let passphrase = &self.secret.wide;
        let key = derive::<Sha256>(
            passphrase,
            &salt,
            Purpose::Mac,
            iterations.into(),
            KEY_LENGTH,
        );
        let hmac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| Failure::Cryptography)?;
        let digest = hmac.chain_update(safe).finalize().into_bytes();
        let info = sequence(&[&algorithm(SHA256, &null()?)?, &octets(&digest)?])?;
        Ok(sequence(&[&info, &octets(&salt)?, &iterations.to_der()?])?)
    }

    fn random<const LENGTH: usize>(&self) -> Result<[u8; LENGTH], Failure> {
        let mut bytes = [0; LENGTH];
        let filled = self.random.fill(&mut bytes);
        filled.map_err(|_| Failure::NoRandomness)?;
        Ok(bytes)
    }
}

fn aes256_cbc(
    key: &[u8; KEY_LENGTH],
    vector: &[u8; BLOCK_LENGTH],
    content: &[u8],
) -> Result<Vec<u8>, Failure> {
    // With room for a whole block of padding.
    let mut buffer = Zeroizing::new(Vec::with_capacity(content.len() + BLOCK_LENGTH));
    buffer.extend_from_slice(content);
    buffer.extend_from_slice(&[0; BLOCK_LENGTH]);
    let mode = Encryptor::<aes::Aes256>::new(key.into(), vector.into());
    let encrypted = mode.encrypt_padded::<Pkcs7>(&mut buffer, content.len());
    Ok(encrypted.map_err(|_| Failure::Cryptography)?.to_vec())
}

/// What leaf and key have in common (RFC 2985 sections 5.5.1 and 5.5.2), as the content of a SET.
fn attributes(leaf: &Certificate) -> der::Result<Der> {
    let id = octets(&Sha256::digest(leaf.der()))?;
    let name: Vec<u8> = name(leaf).flat_map(u16::to_be_bytes).collect();
    let name = element(Tag::BmpString, &[&name])?;
    let mut attributes = Vec::new();
    for (kind, value) in [(LOCAL_KEY_ID, id), (FRIENDLY_NAME, name)] {
        let values = element(Tag::Set, &[&value])?;
        attributes.push(sequence(&[&kind.to_der()?, &values])?);
    }
    // DER wants the elements of a SET OF in order (X.690 section 11.6).
    attributes.sort_unstable_by(|one, other| one.as_slice().cmp(other));
    let attributes: Vec<&[u8]> = attributes.iter().map(|it| it.as_slice()).collect();
    Ok(Zeroizing::new(attributes.concat()))
}

/// What people know the leaf by, in UTF-16. BMPString has no characters beyond the first plane, and
/// other programs print it as it is.
fn name(leaf: &Certificate) -> impl Iterator<Item = u16> {
    let names = leaf.dns_names().into_iter().chain(common_names(leaf));
    let mut names = names.filter(|name| !name.is_empty());
    let name = names.next().unwrap_or_else(|| leaf.subject_text());
    let characters: Vec<char> = name.chars().take(NAME_LENGTH).collect();
    characters.into_iter().map(|character| {
        let printable = (!character.is_control()).then_some(character);
        let unit = printable.and_then(|character| u16::try_from(u32::from(character)).ok());
        unit.unwrap_or(0xfffd)
    })
}

/// CertBag (RFC 7292 section 4.2.3).
fn cert_bag(certificate: &Certificate, attributes: &[u8]) -> der::Result<Der> {
    let content = element(context(0, true), &[&octets(certificate.der())?])?;
    let bag = sequence(&[&X509_CERTIFICATE.to_der()?, &content])?;
    safe_bag(CERT_BAG, &bag, attributes)
}

/// SafeBag (RFC 7292 section 4.2).
fn safe_bag(kind: ObjectIdentifier, value: &[u8], attributes: &[u8]) -> der::Result<Der> {
    let value = element(context(0, true), &[value])?;
    let attributes = match attributes {
        [] => Der::default(),
        _ => element(Tag::Set, &[attributes])?,
    };
    sequence(&[&kind.to_der()?, &value, &attributes])
}

/// ContentInfo (RFC 5652 section 3).
fn content_info(kind: ObjectIdentifier, content: &[u8]) -> der::Result<Der> {
    sequence(&[&kind.to_der()?, &element(context(0, true), &[content])?])
}

/// AlgorithmIdentifier (RFC 5280 section 4.1.1.2).
fn algorithm(oid: ObjectIdentifier, parameters: &[u8]) -> der::Result<Der> {
    sequence(&[&oid.to_der()?, parameters])
}

fn sequence(parts: &[&[u8]]) -> der::Result<Der> {
    element(Tag::Sequence, parts)
}

fn octets(content: &[u8]) -> der::Result<Der> {
    element(Tag::OctetString, &[content])
}

fn null() -> der::Result<Der> {
    element(Tag::Null, &[])
}

fn context(number: u32, constructed: bool) -> Tag {
    TagNumber(number).context_specific(constructed)
}

/// An element with these parts as its content, in one allocation.
fn element(tag: Tag, parts: &[&[u8]]) -> der::Result<Der> {
    let length = parts.iter().map(|part| part.len()).sum::<usize>();
    let header = Header::new(tag, Length::try_from(length)?).to_der()?;
    let mut der = Zeroizing::new(Vec::with_capacity(header.len() + length));
    der.extend_from_slice(&header);
    for part in parts {
        der.extend_from_slice(part);
    }
    Ok(der)
}
