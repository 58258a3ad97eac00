//! The certificates that many files have in common: decoded once.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::Sent;
use crate::haproxy::openssl::Decoded;
use crate::origin::Origin;

/// So many are kept, none of them longer than this, in bytes: 8 MiB in all.
const MOST: usize = 1024;
const LONGEST: usize = 8 * 1024;

/// What a fleet's files share behind their first certificates. Clones are of one.
#[derive(Clone, Debug, Default)]
pub(super) struct Known(Arc<RwLock<HashMap<Box<[u8]>, Chained>>>);

/// A certificate that is sent behind the first.
#[derive(Clone, Debug)]
pub(super) struct Chained {
    pub(super) sent: Sent,
    /// Why OpenSSL does not let a server show it.
    pub(super) weak: Option<&'static str>,
}

impl Known {
    /// The certificate in a block; `None` when OpenSSL decodes none.
    pub(super) fn certificate(&self, block: &[u8], origin: Origin) -> Option<Chained> {
        // Whoever panicked while holding it left the map as it was.
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(chained) = known.get(block) {
            return Some(Chained {
                sent: chained.sent.at(origin),
                ..*chained
            });
        }
        drop(known);
        let decoded = Decoded::new(block)?;
        let chained = Chained {
            sent: Sent::new(&decoded.sent(), origin),
            weak: decoded.too_weak(),
        };
        if block.len() <= LONGEST {
            let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= MOST {
                known.clear();
            }
            known.insert(block.into(), chained.clone());
        }
        Some(chained)
    }
}

#[cfg(test)]
mod tests {
    use super::{Known, MOST};
    use crate::haproxy::openssl::Blocks;
    use crate::origin::Origin;

    fn issuer() -> Vec<u8> {
        let pem = include_bytes!("../../../testdata/damaged/clean.pem");
        let blocks = Blocks::read(pem);
        let issuer = blocks.sound().nth(1).expect("it is there");
        issuer.content.to_vec()
    }

    #[test]
    fn a_certificate_that_is_known_has_its_own_origin() {
        let known = Known::default();
        for file in ["a.pem", "b.pem"] {
            let chained = known.certificate(&issuer(), Origin::new(file));
            let chained = chained.expect("OpenSSL decodes it");
            assert_eq!(chained.sent.origin().source(), file);
            assert_eq!(chained.sent.der().as_ref(), issuer());
        }
        assert_eq!(known.0.read().expect("nobody panicked").len(), 1);
    }

    #[test]
    fn no_more_are_kept_than_the_limit() {
        let known = Known::default();
        let mut der = issuer();
        let last = der.len() - 2;
        for number in 0..=MOST {
            der[last..].copy_from_slice(&u16::try_from(number).expect("small").to_be_bytes());
            let chained = known.certificate(&der, Origin::new("site.pem"));
            assert!(chained.is_some());
        }
        assert_eq!(known.0.read().expect("nobody panicked").len(), 1);
    }
}
