//! What may stand on the command line.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use fullchain::Preference;
use rustls_pki_types::{ServerName, UnixTime};

/// Turns whatever a CA handed over into a PEM that HAProxy serves, or says why that cannot be.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read, order, prove, verify and write one bundle
    ///
    /// The report goes to standard error. Exit code 0: built; 1: refused or failed, and nothing
    /// written; 2: wrong use.
    Bundle(BundleArguments),
    /// Verify a chain, without a key
    ///
    /// The first certificate of the first input is the end entity; its chain is taken from the
    /// others. The report goes to standard error. Exit code 0: verified; 1: not verified, or
    /// failed; 2: wrong use.
    Verify(VerifyArguments),
}

#[derive(Debug, Args)]
pub struct BundleArguments {
    /// Where the bundle is written; without it, all but the writing is done
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// Do all but write
    #[arg(long)]
    pub check: bool,

    /// Write the root, too
    #[arg(long)]
    pub include_root: bool,

    #[command(flatten)]
    pub common: CommonArguments,

    /// Files, folders (their regular files), or `-` for standard input
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<Input>,
}

#[derive(Debug, Args)]
pub struct VerifyArguments {
    #[command(flatten)]
    pub common: CommonArguments,

    /// Files, folders (their regular files), or `-` for standard input
    #[arg(required = true, value_name = "CERTS")]
    pub inputs: Vec<Input>,
}

/// What says how a chain is to be verified, and the outcome to be printed.
#[derive(Debug, Args)]
pub struct CommonArguments {
    /// Whom clients trust: `mozilla`, `system`, or a PEM or DER file; may be repeated [default: mozilla]
    #[arg(long, value_name = "mozilla|system|FILE")]
    pub roots: Vec<Roots>,

    /// A host name or IP address that the certificate must be valid for; may be repeated
    #[arg(long = "name", value_name = "HOST", value_parser = server_name)]
    pub names: Vec<ServerName<'static>>,

    /// Verify for this moment instead of now, such as 2026-01-31T00:00:00Z
    #[arg(long, value_name = "RFC3339", value_parser = moment)]
    pub at: Option<UnixTime>,

    /// Demand the form that RFC 5280 and the Baseline Requirements prescribe, too
    #[arg(long)]
    pub strict: bool,

    /// Which of several good paths is taken
    #[arg(long, value_name = "RULE", default_value = "stores")]
    pub prefer: Rule,

    /// Do not use the network; without it, missing intermediates are fetched from where the
    /// certificates say that they are
    #[arg(long)]
    pub offline: bool,

    /// Fetch from public addresses only
    #[arg(long)]
    pub public_only: bool,

    /// A file or folder of intermediates that are asked before the network; may be repeated
    #[arg(long, value_name = "DIR")]
    pub intermediates: Vec<PathBuf>,

    /// A folder that keeps what was fetched, for the day when the CA's server is down
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,

    /// Draw the issuers above the certificate
    #[arg(long)]
    pub tree: bool,

    /// Print the outcome as JSON on standard output
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Rule {
    /// Trusted by most of the given stores, then the fewest certificates, then the longest-lived
    Stores,
    /// The fewest certificates
    Fewest,
    /// The longest until the first certificate expires
    Longest,
}

impl From<Rule> for Preference {
    fn from(rule: Rule) -> Self {
        match rule {
            Rule::Stores => Self::AllStores,
            Rule::Fewest => Self::FewestCertificates,
            Rule::Longest => Self::LongestLived,
        }
    }
}

#[derive(Clone, Debug)]
pub enum Roots {
    Mozilla,
    System,
    File(PathBuf),
}

impl FromStr for Roots {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "mozilla" => Self::Mozilla,
            "system" => Self::System,
            file => Self::File(file.into()),
        })
    }
}

#[derive(Clone, Debug)]
pub enum Input {
    Stdin,
    Path(PathBuf),
}

impl From<std::ffi::OsString> for Input {
    fn from(text: std::ffi::OsString) -> Self {
        match text.to_str() {
            Some("-") => Self::Stdin,
            _ => Self::Path(text.into()),
        }
    }
}

fn server_name(text: &str) -> Result<ServerName<'static>, String> {
    ServerName::try_from(text.to_owned())
        .map_err(|_| "neither a host name nor an IP address".to_owned())
}

fn moment(text: &str) -> Result<UnixTime, String> {
    let moment: jiff::Timestamp = text
        .parse()
        .map_err(|error: jiff::Error| error.to_string())?;
    let seconds = u64::try_from(moment.as_second())
        .map_err(|_| "moments before 1970 are not supported".to_owned())?;
    Ok(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
}
