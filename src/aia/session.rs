//! What is fetched next, and what comes of each answer: all but the network itself.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use reqwest::Url;
use reqwest::header::HeaderValue;

use super::policy::Policy;
use crate::base::text::Printable;
use crate::bundle::Draft;
use crate::cert::Certificate;
use crate::finding::{Code, Finding};
use crate::read::Reader;

/// The most URLs of one certificate that are looked at.
const MAX_URLS: usize = 8;
/// The most certificates of one answer.
const MAX_CERTIFICATES: usize = 100;

/// A URL that is about to be asked.
#[derive(Clone, Debug)]
pub struct Request {
    pub(super) url: Url,
    pub(super) max_bytes: usize,
    /// How long it may take from now on.
    pub(super) time: Duration,
    certificate: Certificate,
    /// What stands in the certificate, and what it led to so far.
    said: String,
    redirects: usize,
    began: Duration,
}

impl Request {
    /// The URL.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// The certificate whose issuer is asked for.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }
}

/// What came of a request.
pub(super) enum Answer {
    Body(Vec<u8>),
    Redirect(Option<HeaderValue>),
    Status(u16),
    /// More bytes than were allowed.
    TooLarge,
    TimedOut,
    Failed(String),
}

/// The fetches for one draft. Moments are counted from when it began.
pub(super) struct Session<'p> {
    policy: &'p Policy,
    /// The URLs not yet asked, by the certificate that names them.
    queues: HashMap<Certificate, VecDeque<Url>>,
    /// The URLs that were asked or skipped.
    known: HashSet<String>,
    redirected: Option<Request>,
    fetches: usize,
    bytes: usize,
    /// A limit was met.
    over: bool,
    /// All certificates that came.
    pub(super) fetched: Vec<Certificate>,
}

impl<'p> Session<'p> {
    pub(super) fn new(policy: &'p Policy) -> Self {
        Self {
            policy,
            queues: HashMap::new(),
            known: HashSet::new(),
            redirected: None,
            fetches: 0,
            bytes: 0,
            over: false,
            fetched: Vec::new(),
        }
    }

    /// What to ask next; `None` when nothing is missing, or nothing more is to be had.
    pub(super) fn next(&mut self, draft: &mut Draft, elapsed: Duration) -> Option<Request> {
        if self.over {
            return None;
        }
        let (url, certificate, mut request) = match self.redirected.take() {
            Some(request) => (
                request.url.clone(),
                request.certificate.clone(),
                Some(request),
            ),
            None => {
                let (url, certificate) = self.next_url(draft)?;
                (url, certificate, None)
            }
        };
        let limit = if elapsed >= self.policy.deadline {
            Some(format!("{} in all", seconds(self.policy.deadline)))
        } else if request.is_none() && self.fetches >= self.policy.max_fetches {
            Some(format!("{} fetches", self.policy.max_fetches))
        } else if self.bytes >= self.policy.max_bytes {
            Some(format!("{} bytes in all", self.policy.max_bytes))
        } else {
            None
        };
        if let Some(limit) = limit {
            self.over = true;
            let message = format!(
                "fetching ended at the limit of {limit}; {} was not asked for the issuer of {}",
                Printable(url.as_str()),
                certificate.subject_text()
            );
            draft.note(Finding::new(Code::FetchLimit, message).at(certificate.origin()));
            return None;
        }
        if request.is_none() {
            self.fetches += 1;
        }
        let request = request.get_or_insert_with(|| Request {
            said: url.to_string(),
            url,
            certificate,
            max_bytes: 0,
            time: Duration::ZERO,
            redirects: 0,
            began: elapsed,
        });
        let whole = self.policy.deadline.saturating_sub(elapsed);
        let spent = elapsed.saturating_sub(request.began);
        request.time = whole.min(self.policy.fetch_deadline.saturating_sub(spent));
        request.max_bytes = self
            .policy
            .max_answer_bytes
            .min(self.policy.max_bytes - self.bytes);
        Some(request.clone())
    }

    /// The next URL of a certificate whose issuer is missing.
    fn next_url(&mut self, draft: &mut Draft) -> Option<(Url, Certificate)> {
        for missing in draft.missing() {
            let certificate = missing.certificate();
            if !self.queues.contains_key(certificate) {
                let urls = self.usable(certificate, missing.urls(), draft);
                self.queues.insert(certificate.clone(), urls);
            }
            let queue = self.queues.get_mut(certificate)?;
            while let Some(url) = queue.pop_front() {
                if self.known.insert(url.to_string()) {
                    return Some((url, certificate.clone()));
                }
            }
        }
        None
    }

    /// The URLs that may be asked; of the others it says why not.
    fn usable(
        &self,
        certificate: &Certificate,
        urls: Vec<String>,
        draft: &mut Draft,
    ) -> VecDeque<Url> {
        let mut usable = VecDeque::new();
        if urls.len() > MAX_URLS {
            let message = format!(
                "{} names {} URLs for its issuer; the first {MAX_URLS} are looked at",
                certificate.subject_text(),
                urls.len()
            );
            draft.note(Finding::new(Code::FetchLimit, message).at(certificate.origin()));
        }
        for url in urls.into_iter().take(MAX_URLS) {
            match self.check(Url::parse(&url).ok()) {
                Ok(url) => usable.push_back(url),
                Err(reason) => {
                    let message = format!("{} was not asked: {reason}", Printable(&url));
                    draft.note(Finding::new(Code::UrlSkipped, message).at(certificate.origin()));
                }
            }
        }
        usable
    }

    /// What can be said against a URL without resolving its name.
    fn check(&self, url: Option<Url>) -> Result<Url, String> {
        let Some(mut url) = url else {
            return Err("it is no URL".to_owned());
        };
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!(
                "only http and https are, and this is {}",
                Printable(url.scheme())
            ));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("it has a user name or password in it".to_owned());
        }
        let host = url.host_str().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse();
        if let Ok(address) = address
            && let Some(what) = self.policy.addresses.refusal(address)
        {
            return Err(format!("{address} is {what}"));
        }
        url.set_fragment(None);
        Ok(url)
    }

    /// Takes what came of a request, and says it.
    pub(super) fn answer(
        &mut self,
        draft: &mut Draft,
        request: &Request,
        answer: Answer,
        elapsed: Duration,
    ) {
        let reason = match answer {
            Answer::Body(body) => {
                self.bytes += body.len();
                match self.take(draft, request, &body, elapsed) {
                    Ok(()) => return,
                    Err(reason) => reason,
                }
            }
            Answer::Redirect(location) => match self.redirect(request, location) {
                Ok(redirected) => {
                    self.redirected = Some(redirected);
                    return;
                }
                Err(reason) => reason,
            },
            Answer::Status(404) => "there is no such file (404)".to_owned(),
            Answer::Status(status) => format!("the server answered with status {status}"),
            Answer::TooLarge => {
                self.bytes += request.max_bytes;
                format!("the answer has more than {} bytes", request.max_bytes)
            }
            Answer::TimedOut => {
                let took = elapsed.saturating_sub(request.began);
                format!("there was no whole answer in {}", seconds(took))
            }
            Answer::Failed(reason) => reason,
        };
        let message = format!(
            "{} did not give the issuer of {}: {reason}",
            Printable(&request.said),
            request.certificate.subject_text()
        );
        draft.note(Finding::new(Code::FetchFailed, message).at(request.certificate.origin()));
    }

    fn redirect(
        &self,
        request: &Request,
        location: Option<HeaderValue>,
    ) -> Result<Request, String> {
        if request.redirects >= self.policy.max_redirects {
            return Err(format!(
                "there are more than {} redirects",
                self.policy.max_redirects
            ));
        }
        let location = location.ok_or("it redirects to nowhere")?;
        let location = location.to_str().map_err(|_| "it redirects to no URL")?;
        let url = self
            .check(request.url.join(location).ok())
            .map_err(|reason| format!("it redirects to {}: {reason}", Printable(location)))?;
        Ok(Request {
            said: format!("{}, redirected to {url},", request.said),
            url,
            redirects: request.redirects + 1,
            ..request.clone()
        })
    }

    /// Reads the certificates in an answer into the draft; says why they do not help.
    fn take(
        &mut self,
        draft: &mut Draft,
        request: &Request,
        body: &[u8],
        elapsed: Duration,
    ) -> Result<(), String> {
        let certificates = read(request.url.as_str(), body)?;
        let wanted = request.certificate.issuer();
        let named = certificates.iter().filter(|it| it.subject() == wanted);
        let named: Vec<_> = named.cloned().collect();
        let others = certificates.first().map(Certificate::subject_text);
        let count = certificates.len();
        self.fetched.extend(certificates.iter().cloned());
        draft.add(certificates);
        if named.is_empty() {
            return Err(format!(
                "what is there is {}, not {}",
                others.unwrap_or_default(),
                request.certificate.issuer_text()
            ));
        }
        if !named
            .iter()
            .any(|it| draft.is_signed_by(&request.certificate, it))
        {
            return Err("what is there has the issuer's name, and its key did not sign".to_owned());
        }
        let took = elapsed.saturating_sub(request.began);
        let message = format!(
            "{} gave the issuer of {}: {count} {} in {} bytes, in {} ms",
            Printable(&request.said),
            request.certificate.subject_text(),
            if count == 1 {
                "certificate"
            } else {
                "certificates"
            },
            body.len(),
            took.as_millis()
        );
        draft.note(Finding::new(Code::Fetched, message).at(request.certificate.origin()));
        Ok(())
    }
}

/// The certificates of an answer, by its content.
pub(super) fn read(url: &str, body: &[u8]) -> Result<Vec<Certificate>, String> {
    let start = body.trim_ascii_start();
    let is_html = [&b"<!doctype"[..], b"<html", b"<head"].iter().any(|tag| {
        start
            .get(..tag.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(tag))
    });
    if is_html {
        return Err("the answer is an HTML page".to_owned());
    }
    let mut reader = Reader::new().max_blocks(MAX_CERTIFICATES);
    let material = match reader.read(url, body) {
        Ok(material) => material,
        Err(error) => return Err(error.to_string()),
    };
    if material.certificates.is_empty() {
        let unreadable = material.unreadable.into_iter().map(|it| it.finding);
        let finding = unreadable.chain(material.findings).next();
        return Err(match finding {
            Some(finding) => format!("no certificate is in the answer: {}", finding.message),
            None => "no certificate is in the answer".to_owned(),
        });
    }
    Ok(material.certificates)
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f32())
}
