//! `fullchain deploy` over the socket while clients connect: every handshake succeeds, and sees a
//! whole chain of a certificate that is current.
//!
//! `FULLCHAIN_DEPLOYMENTS` says how many there are; `-- --nocapture` prints the counts.
#![cfg(all(target_os = "linux", feature = "cli"))]

mod common;

use std::collections::HashMap;
use std::path::Path;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::client::{ECDSA, RSA, proven_chain};
use common::deploying::{Renewed, Site, over, pid};
use common::haproxy::Haproxy;
use common::pki::{Key, KeyKind, LeafOptions};
use rustls::version::{TLS12, TLS13};
use rustls::{SignatureScheme, SupportedProtocolVersion};

/// How many deployments there are, unless the environment says otherwise.
const DEPLOYMENTS: usize = 100;

const NAME: &str = "a.example";

/// Which certificates were deployed when.
#[derive(Default)]
struct History {
    /// The generation of each chain. One is known before its deployment begins.
    generations: RwLock<HashMap<Vec<Vec<u8>>, usize>>,
    /// The last generation whose deployment has begun, and has ended.
    begun: AtomicUsize,
    ended: AtomicUsize,
    is_over: AtomicBool,
}

/// What a client saw.
#[derive(Default)]
struct Client {
    handshakes: usize,
    /// How many of them saw a generation while its deployment was under way.
    early: usize,
    generations: usize,
    slowest: Duration,
}

impl History {
    fn knows(&self, generation: usize, certificates: &[&Renewed; 2]) {
        let mut generations = self.generations.write().expect("nobody panics with it");
        for renewed in certificates {
            generations.insert(renewed.chain.clone(), generation);
        }
    }

    fn generation(&self, chain: &Vec<Vec<u8>>) -> usize {
        let generations = self.generations.read().expect("nobody panics with it");
        let known = generations.get(chain);
        *known.expect("a chain that was never deployed, or not as a whole")
    }

    /// Connects again and again, and holds what it sees to what may be seen.
    fn connect(
        &self,
        socket: &Path,
        schemes: &'static [SignatureScheme],
        version: &'static SupportedProtocolVersion,
    ) -> Client {
        let mut client = Client::default();
        let mut last = 0;
        while !self.is_over.load(Ordering::SeqCst) {
            let ended = self.ended.load(Ordering::SeqCst);
            let began = Instant::now();
            let chain = proven_chain(socket, Some(NAME), schemes, version);
            let took = began.elapsed();
            let begun = self.begun.load(Ordering::SeqCst);
            let chain = chain.expect("every handshake succeeds");
            let generation = self.generation(&chain);
            assert!(
                (ended..=begun).contains(&generation),
                "generation {generation} is served, but {ended} was deployed and {begun} begun"
            );
            assert!(generation >= last, "{generation} is served after {last}");
            client.handshakes += 1;
            client.early += usize::from(generation > self.ended.load(Ordering::SeqCst));
            client.generations += usize::from(generation > last);
            client.slowest = client.slowest.max(took);
            last = generation;
        }
        client
    }
}

/// Certificates of that generation, with keys that the one before it has not.
fn certificates(site: &Site, generation: usize) -> [Renewed; 2] {
    let rsa = Key::nth(KeyKind::Rsa(2048), generation % 2);
    let rsa = LeafOptions {
        shared_key: Some(rsa),
        ..LeafOptions::named(NAME)
    };
    [site.renewed(NAME), site.issued(rsa)]
}

#[test]
fn clients_see_whole_and_current_chains_while_certificates_are_replaced() {
    let deployments = std::env::var("FULLCHAIN_DEPLOYMENTS").ok();
    let deployments = deployments.map_or(DEPLOYMENTS, |it| it.parse().expect("it is a number"));
    let site = Site::new();
    let history = History::default();
    let [ecdsa, rsa] = certificates(&site, 0);
    history.knows(0, &[&ecdsa, &rsa]);
    site.place("certs/site.pem.ecdsa", &ecdsa);
    site.place("certs/site.pem.rsa", &rsa);
    let haproxy = Haproxy::bind(&format!("crt {}", site.text("certs/site.pem"))).unwrap();
    let before = pid(&haproxy);
    let (tls, over) = (haproxy.tls_socket(), over(&haproxy));
    let options: Vec<&str> = over.iter().map(String::as_str).chain(["--twins"]).collect();

    let mut times = Vec::new();
    let began = Instant::now();
    let clients = thread::scope(|scope| {
        let kinds = [
            (ECDSA, &TLS13),
            (RSA, &TLS13),
            (ECDSA, &TLS12),
            (RSA, &TLS12),
        ];
        let clients =
            kinds.map(|(schemes, version)| scope.spawn(|| history.connect(&tls, schemes, version)));
        // Also when a deployment fails here, so that the clients come to an end.
        let stop = Stop(&history);
        for generation in 1..=deployments {
            let new = certificates(&site, generation);
            history.knows(generation, &[&new[0], &new[1]]);
            history.begun.store(generation, Ordering::SeqCst);
            let began = Instant::now();
            let deployed = site.deploy("certs/site.pem", &options, &[&new[0], &new[1]]);
            times.push(began.elapsed());
            deployed.is("deployed");
            history.ended.store(generation, Ordering::SeqCst);
            assert_eq!(site.read("certs/site.pem.ecdsa"), new[0].pem);
            assert_eq!(site.read("certs/site.pem.rsa"), new[1].pem);
        }
        // Each client sees the last one, too.
        thread::sleep(Duration::from_millis(100));
        drop(stop);
        clients.map(|client| client.join().expect("no handshake is wrong"))
    });
    let took = began.elapsed();
    assert_eq!(pid(&haproxy), before);
    assert_eq!(site.listing("certs"), ["site.pem.ecdsa", "site.pem.rsa"]);
    let told = haproxy.runtime("show ssl cert");
    assert!(!told.contains("# transaction"), "{told}");

    times.sort();
    let handshakes: usize = clients.iter().map(|client| client.handshakes).sum();
    let early: usize = clients.iter().map(|client| client.early).sum();
    let slowest = clients.iter().map(|client| client.slowest).max();
    let seen: Vec<usize> = clients.iter().map(|client| client.generations).collect();
    println!(
        "{deployments} deployments of twins in {took:.1?} (median {:.0?}, slowest {:.0?}); \
         {handshakes} handshakes, none failed, slowest {:.0?}; \
         generations seen by each client: {seen:?}; seen before their deployment ended: {early}",
        times[times.len() / 2],
        times[times.len() - 1],
        slowest.unwrap_or_default(),
    );
    // Otherwise nothing was seen of what is tested.
    let few = deployments / 2;
    assert!(seen.iter().all(|count| *count > few), "{seen:?}");
}

/// Ends the clients.
struct Stop<'h>(&'h History);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::SeqCst);
    }
}
