//! Diffie-Hellman parameters, which HAProxy takes from the certificate's file.

use der::asn1::{AnyRef, UintRef};
use der::{Decode, Reader, SliceReader, Tag, Tagged};

use crate::finding::{Code, Finding};
use crate::key::bits;
use crate::origin::Origin;

/// A `DH PARAMETERS` block: DHParameter (PKCS#3), kept as it was read.
#[derive(Clone, Debug)]
pub struct DhParameters {
    der: Vec<u8>,
    prime_bits: usize,
    origin: Origin,
}

impl DhParameters {
    /// Reads DHParameter; `None` when the DER is something else.
    pub(crate) fn new(der: &[u8], origin: Origin) -> Option<Self> {
        let mut outer = SliceReader::new(der).ok()?;
        let any = AnyRef::decode(&mut outer).ok()?;
        outer.finish().ok()?;
        any.tag().assert_eq(Tag::Sequence).ok()?;
        let mut fields = SliceReader::new(any.value()).ok()?;
        let prime = UintRef::decode(&mut fields).ok()?;
        UintRef::decode(&mut fields).ok()?;
        if !fields.is_finished() {
            UintRef::decode(&mut fields).ok()?;
        }
        fields.finish().ok()?;
        Some(Self {
            prime_bits: bits(prime.as_bytes()),
            der: der.to_vec(),
            origin,
        })
    }

    /// The DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The length of the prime in bits.
    pub fn prime_bits(&self) -> usize {
        self.prime_bits
    }

    /// What there is to say of a prime that OpenSSL's usual security level refuses.
    pub(crate) fn weakness(&self) -> Option<Finding> {
        let message = format!("the DH parameters have {} bits", self.prime_bits);
        let finding = Finding::new(Code::WeakDhParameters, message);
        (self.prime_bits < 2048).then(|| finding.at(&self.origin))
    }

    /// Where it was read.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}
