//! One request over the network.

use std::error::Error as StdError;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_ENCODING, LOCATION};
use reqwest::redirect::Policy as Redirects;
use reqwest::{Client, Response};
use rustls::{ClientConfig, RootCertStore};

use super::policy::{Addresses, Policy};
use super::session::{Answer, Request};
use crate::trust::TrustStore;

const USER_AGENT: &str = concat!("fullchain/", env!("CARGO_PKG_VERSION"));

/// A client that keeps to a policy. Servers of `https` URLs are trusted by these stores, and by
/// Mozilla's where that is at hand; what they send is verified in any case.
pub(super) fn client(policy: &Policy, stores: &[TrustStore]) -> Result<Client, String> {
    let mut roots = RootCertStore::empty();
    roots.extend(stores.iter().flat_map(TrustStore::anchors).cloned());
    #[cfg(feature = "mozilla")]
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let builder = Client::builder()
        .user_agent(USER_AGENT)
        .tls_backend_preconfigured(tls)
        .dns_resolver(Arc::new(Resolver(policy.addresses)))
        // The session follows redirects, after a look at where they lead.
        .redirect(Redirects::none())
        .referer(false)
        .pool_max_idle_per_host(0);
    let builder = match policy.addresses {
        Addresses::PrivateToo => builder,
        Addresses::PublicOnly => builder.no_proxy(),
    };
    builder.build().map_err(|error| innermost(&error))
}

/// Asks, and waits no longer than the request has time.
pub(super) async fn get(client: &Client, request: &Request) -> Answer {
    let answer = async {
        match client.get(request.url.clone()).send().await {
            Ok(response) => read(response, request.max_bytes).await,
            Err(error) => Answer::Failed(innermost(&error)),
        }
    };
    match tokio::time::timeout(request.time, answer).await {
        Ok(answer) => answer,
        Err(_) => Answer::TimedOut,
    }
}

async fn read(mut response: Response, most: usize) -> Answer {
    let status = response.status();
    if status.is_redirection() {
        return Answer::Redirect(response.headers().get(LOCATION).cloned());
    }
    if !status.is_success() {
        return Answer::Status(status.as_u16());
    }
    // None was asked for, and none is undone, so that nothing swells.
    let encodings = response.headers().get_all(CONTENT_ENCODING);
    if encodings.iter().any(|encoding| encoding != "identity") {
        return Answer::Failed("the answer is compressed, unasked".to_owned());
    }
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > most => return Answer::TooLarge,
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Answer::Body(body),
            Err(error) => return Answer::Failed(innermost(&error)),
        }
    }
}

/// Resolves names as the system does, and passes over addresses that may not be reached.
struct Resolver(Addresses);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let addresses = self.0;
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let mut refused = None;
            let mut allowed = Vec::new();
            for address in found {
                match addresses.refusal(address.ip()) {
                    Some(what) => refused = Some(Refused(address.ip(), what)),
                    None => allowed.push(address),
                }
            }
            match (allowed.is_empty(), refused) {
                (true, Some(refused)) => Err(Box::new(refused).into()),
                _ => {
                    let allowed: Addrs = Box::new(allowed.into_iter());
                    Ok(allowed)
                }
            }
        })
    }
}

#[derive(Debug)]
struct Refused(IpAddr, &'static str);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(address, what) = self;
        write!(f, "its name resolves to {address}, which is {what}")
    }
}

impl StdError for Refused {}

/// What lies at the bottom of an error, which says the most.
fn innermost(error: &dyn StdError) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
