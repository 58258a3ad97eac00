//! What a fetch may cost, and where it may go.

use std::net::IpAddr;
use std::time::Duration;

use super::address;

/// The limits of fetching, and the addresses that it may reach.
///
/// The URLs come from certificates, which anybody may have written, and the program may run as
/// root: each limit ends in a finding that names it.
///
/// ```
/// use std::time::Duration;
/// use fullchain::aia::Policy;
///
/// let mut policy = Policy::public_only();
/// policy.deadline = Duration::from_secs(3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// For everything that one bundle needs; 10 seconds unless set.
    pub deadline: Duration,
    /// For one URL, redirects included, from the resolution of its name to the last byte; 5
    /// seconds unless set.
    pub fetch_deadline: Duration,
    /// The most URLs that are asked for one bundle, not counting redirects; 8 unless set. Of one
    /// certificate the first 8 are looked at in any case.
    pub max_fetches: usize,
    /// The most redirects from one URL; 3 unless set.
    pub max_redirects: usize,
    /// The most bytes of one answer; 256 KiB unless set. Nothing is read beyond them.
    pub max_answer_bytes: usize,
    /// The most bytes of all answers together; 1 MiB unless set.
    pub max_bytes: usize,
    /// The addresses that may be reached.
    pub addresses: Addresses,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(10),
            fetch_deadline: Duration::from_secs(5),
            max_fetches: 8,
            max_redirects: 3,
            max_answer_bytes: 256 * 1024,
            max_bytes: 1024 * 1024,
            addresses: Addresses::default(),
        }
    }
}

impl Policy {
    /// The usual limits, and [`Addresses::PublicOnly`].
    pub fn public_only() -> Self {
        Self {
            addresses: Addresses::PublicOnly,
            ..Self::default()
        }
    }
}

/// Which addresses a fetch may reach. They are looked at after names are resolved and after
/// every redirect, and no other ones are connected to.
///
/// A proxy from the environment (`HTTP_PROXY` and so on) resolves names by itself: then only
/// addresses that stand in URLs are looked at, and the proxy's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Addresses {
    /// Loopback and private ones, too, since company CAs live there. Refused are link-local
    /// addresses and others at which clouds have their metadata services, multicast, broadcast
    /// and unspecified ones.
    #[default]
    PrivateToo,
    /// Only those that the IANA registries of special-purpose addresses (RFC 6890) have as
    /// globally reachable: for services that handle strangers' certificates. Proxies from the
    /// environment are not used, as they would resolve names by themselves.
    PublicOnly,
}

impl Addresses {
    /// Why an address may not be reached, if so.
    pub(super) fn refusal(self, address: IpAddr) -> Option<&'static str> {
        address::embedded(address).find_map(|address| match self {
            Self::PrivateToo => address::never_reached(address),
            Self::PublicOnly => {
                address::never_reached(address).or_else(|| address::not_public(address))
            }
        })
    }
}
