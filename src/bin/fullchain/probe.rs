//! `fullchain probe`: what a TLS server does, asked from outside.

use std::io::{self, Write};
use std::process::ExitCode;

use fullchain::haproxy::Address;
use fullchain::probe::{Answer, Keys, Matrix, Probe, ServerHello, Shown, Visit};
use fullchain::tls::{ClientCertificate, Version};
use fullchain::{Certificate, Chain, Origin, Reader, Report};
use rustls_pki_types::{IpAddr, ServerName, UnixTime};
use serde::Serialize;

use crate::arguments::ProbeArguments;
use crate::output::until;
use crate::{bind, bundler};

/// The JSON of `--json`. Stable: members may be added, none is renamed or removed.
#[derive(Serialize)]
struct Json<'a> {
    address: String,
    /// The name that was sent; `null` for none.
    sni: Option<&'a str>,
    handshakes: &'a [Handshake],
    versions: Option<&'a Matrix>,
    /// The clients that people meet.
    clients: Vec<Visited>,
    /// Why the server could not be asked; `null` otherwise.
    error: Option<String>,
}

/// A client, and the handshake that it would have.
#[derive(Serialize)]
struct Visited {
    name: &'static str,
    title: &'static str,
    source: &'static str,
    /// The version and the cipher suite that are taken; `null` for a client that cannot connect.
    version: Option<Version>,
    cipher_suite: Option<&'static str>,
    /// What it is told if it cannot.
    refusal: Option<String>,
}

impl Visited {
    fn of(visit: &Visit) -> Self {
        let (chosen, refusal) = match &visit.answer {
            Answer::Hello(hello) => (Some(hello), None),
            Answer::Alert(alert) => (None, Some(format!("alert {alert}"))),
            Answer::Closed => (None, Some("the connection is closed".to_owned())),
            _ => (None, Some("no TLS".to_owned())),
        };
        let suite = chosen.and_then(ServerHello::cipher_suite);
        Self {
            name: visit.client.name,
            title: visit.client.title,
            source: visit.client.source,
            version: chosen.map(|hello| hello.version),
            cipher_suite: suite.map(|suite| suite.openssl),
            refusal,
        }
    }
}

/// A whole handshake, and what clients make of what was shown.
#[derive(Serialize)]
struct Handshake {
    version: Version,
    keys: Keys,
    outcome: String,
    /// Whether it wants one of its clients; `null` if the handshake failed.
    client_certificate: Option<ClientCertificate>,
    chain: Option<Chain>,
    findings: Report,
}

pub fn probe(arguments: &ProbeArguments) -> ExitCode {
    let name = sni(arguments);
    let mut probe = Probe::new(arguments.address.clone())
        .timeout(arguments.timeout)
        .proxied(arguments.send_proxy);
    if let Some(name) = &name {
        probe = probe.name(name);
    }
    let handshakes = handshakes(arguments, &probe, name.as_deref());
    let matrix = probe.matrix();
    let visits = probe.visits().unwrap_or_default();
    let visits: Vec<_> = visits.iter().map(Visited::of).collect();
    let is_trusted = matrix.is_ok()
        && handshakes.iter().any(|it| it.chain.is_some())
        && handshakes
            .iter()
            .all(|it| it.findings.errors().next().is_none());
    let shown = match arguments.json {
        true => bind::print_json(
            &mut io::stdout().lock(),
            &Json {
                address: arguments.address.to_string(),
                sni: name.as_deref(),
                handshakes: &handshakes,
                versions: matrix.as_ref().ok(),
                clients: visits,
                error: matrix.as_ref().err().map(io::Error::to_string),
            },
        ),
        false => print(&handshakes, &matrix, &visits),
    };
    bind::code(is_trusted, shown)
}

fn sni(arguments: &ProbeArguments) -> Option<String> {
    let of_address = || match &arguments.address {
        Address::Tcp(text) => {
            let (host, _) = text.rsplit_once(':')?;
            let is_ip = IpAddr::try_from(host.trim_matches(['[', ']'])).is_ok();
            (!is_ip).then(|| host.to_owned())
        }
        _ => None,
    };
    let given = arguments.sni.clone().or_else(of_address);
    given.filter(|_| !arguments.no_sni)
}

fn handshakes(arguments: &ProbeArguments, probe: &Probe, name: Option<&str>) -> Vec<Handshake> {
    let mut report = Report::default();
    let mut reader = Reader::new();
    let bundler = bundler(&arguments.roots, UnixTime::now(), &mut reader, &mut report);
    let name = name.and_then(|name| ServerName::try_from(name.to_owned()).ok());
    let bundler = bundler.map(|bundler| match name {
        Some(name) => bundler.name(name),
        None => bundler,
    });
    let mut handshakes = Vec::new();
    for version in [Version::Tls12, Version::Tls13] {
        for keys in [Keys::Ecdsa, Keys::Rsa] {
            let mut handshake = Handshake {
                version,
                keys,
                outcome: String::new(),
                client_certificate: None,
                chain: None,
                findings: report.clone(),
            };
            match (probe.handshake(version, keys), &bundler) {
                (
                    Shown::Chain {
                        certificates: shown,
                        client_certificate,
                    },
                    Ok(bundler),
                ) => {
                    handshake.client_certificate = Some(client_certificate);
                    handshake.outcome = format!("{} certificates", shown.len());
                    let certificates = shown.into_iter().enumerate().filter_map(|(place, der)| {
                        let origin = Origin::new(format!("certificate {}", place + 1));
                        Certificate::new(der, origin).ok()
                    });
                    let certificates: Vec<_> = certificates.collect();
                    let judged = certificates.split_first();
                    match judged.map(|(leaf, others)| bundler.chain(leaf, others.to_vec())) {
                        Some(Ok((chain, findings))) => {
                            handshake.findings.merge(findings);
                            handshake.chain = Some(chain);
                        }
                        Some(Err(refusal)) => {
                            handshake.findings.merge(refusal.report().clone());
                        }
                        None => handshake.outcome = "no certificate that can be read".to_owned(),
                    }
                }
                (Shown::Chain { .. }, Err(error)) => handshake.outcome = error.to_string(),
                (Shown::Alert(alert), _) => handshake.outcome = format!("alert {alert}"),
                (Shown::Failed(error), _) => handshake.outcome = error,
            }
            handshakes.push(handshake);
        }
    }
    handshakes
}

fn print(
    handshakes: &[Handshake],
    matrix: &io::Result<Matrix>,
    visits: &[Visited],
) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    for handshake in handshakes {
        let keys = match handshake.keys {
            Keys::Rsa => "RSA",
            _ => "ECDSA",
        };
        write!(
            out,
            "{}, client for {keys}: {}",
            handshake.version, handshake.outcome
        )?;
        match &handshake.chain {
            Some(chain) => writeln!(
                out,
                ", {}, trusted by {} {}",
                chain.leaf().subject_text(),
                chain.trusted_by().join(", "),
                until(chain.valid_until())
            )?,
            None => writeln!(out)?,
        }
        match handshake.client_certificate {
            Some(ClientCertificate::Required) => {
                writeln!(out, "    it requires a certificate of its clients")?;
            }
            Some(ClientCertificate::Optional) => {
                writeln!(
                    out,
                    "    it asks its clients for a certificate, and goes on without"
                )?;
            }
            _ => {}
        }
        write!(out, "{}", handshake.findings.styled())?;
    }
    let matrix = match matrix {
        Ok(matrix) => matrix,
        Err(error) => return writeln!(out, "it cannot be asked: {error}"),
    };
    for row in &matrix.rows {
        let why = match &row.last {
            Answer::Alert(alert) if row.accepted.is_empty() => format!("refused, alert {alert}"),
            _ if row.accepted.is_empty() => "refused".to_owned(),
            _ => {
                let groups: Vec<_> = row.groups.iter().map(ToString::to_string).collect();
                format!(
                    "{} suites; groups {}",
                    row.accepted.len(),
                    groups.join(", ")
                )
            }
        };
        writeln!(out, "{}: {why}", row.version)?;
        for chosen in &row.accepted {
            match chosen.cipher_suite() {
                Some(suite) => writeln!(out, "    {:<45} {}", suite.name, suite.openssl)?,
                None => writeln!(out, "    {:#06x}", chosen.suite)?,
            }
        }
    }
    for visit in visits {
        let outcome = match (visit.version, visit.cipher_suite, &visit.refusal) {
            (Some(version), suite, _) => format!("{version}, {}", suite.unwrap_or("?")),
            (None, _, Some(refusal)) => format!("cannot connect: {refusal}"),
            (None, _, None) => "cannot connect".to_owned(),
        };
        writeln!(out, "{:<40} {outcome}", visit.title)?;
    }
    Ok(())
}
