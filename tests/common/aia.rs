//! A draft completed by either driver, beginning with the leaf alone.

use fullchain::aia::{Fetcher, Policy};
use fullchain::{Bundler, Chain, Code, Draft, Refusal, Report};

use super::bundling::read;
use super::pki::Leaf;

#[derive(Clone, Copy, Debug)]
pub enum Driver {
    Blocking,
    Async,
}

impl Driver {
    pub const ALL: [Driver; 2] = [Driver::Blocking, Driver::Async];

    pub fn run(self, fetcher: &Fetcher, draft: &mut Draft) {
        match self {
            Driver::Blocking => fetcher.complete(draft),
            Driver::Async => {
                let mut builder = tokio::runtime::Builder::new_current_thread();
                let runtime = builder.enable_all().build().expect("a runtime");
                runtime.block_on(fetcher.complete_async(draft));
                runtime.shutdown_background();
            }
        }
    }
}

/// The chain of a leaf that stands alone in `leaf.pem`.
pub fn complete(
    bundler: &Bundler,
    leaf: &Leaf,
    driver: Driver,
) -> Result<(Chain, Report), Refusal> {
    complete_within(Policy::default(), bundler, leaf, driver)
}

pub fn complete_within(
    policy: Policy,
    bundler: &Bundler,
    leaf: &Leaf,
    driver: Driver,
) -> Result<(Chain, Report), Refusal> {
    let mut draft = bundler.draft_chain(read("leaf.pem", &leaf.cert_pem));
    driver.run(&Fetcher::new(policy), &mut draft);
    draft.chain()
}

pub fn codes(report: &Report) -> Vec<Code> {
    let findings = report.findings().iter();
    findings.map(|finding| finding.code).collect()
}

/// How many fetches helped.
pub fn fetched(report: &Report) -> usize {
    let codes = codes(report).into_iter();
    codes.filter(|code| *code == Code::Fetched).count()
}
