//! What may stand on the command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use fullchain::deploy::AcmeClient;
use fullchain::doctor::SECURITY_LEVEL;
use fullchain::haproxy::{Address, Version};
use fullchain::tls::Client;
use fullchain::{Passphrase, Preference};
use rustls_pki_types::{ServerName, UnixTime};

use crate::passphrase;

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
    /// Build a bundle, write it, bring it to the running HAProxy, and see that it is served
    ///
    /// Each step is a line on standard error. When one fails, files and HAProxy are put back as
    /// they were. Exit code 0: deployed, or all was there already; 1: not deployed, and all is as
    /// it was; 2: wrong use; 3: not deployed, and not all could be put back.
    Deploy(DeployArguments),
    /// Verify a chain, without a key
    ///
    /// The first certificate of the first input is the end entity; its chain is taken from the
    /// others. The report goes to standard error. Exit code 0: verified; 1: not verified, or
    /// failed; 2: wrong use.
    Verify(VerifyArguments),
    /// Say what HAProxy will do with certificate files, and what clients will make of them
    ///
    /// Each PATH is what a `crt` or `crt-list` of one bind line has, in order. Exit code 0: there
    /// is no error; 1: there is, or it failed; 2: wrong use.
    Check(CheckArguments),
    /// Say what a TLS server does: what it shows, and which versions, suites and groups it takes
    ///
    /// Exit code 0: clients of --roots trust what it shows; 1: they do not, or it cannot be asked;
    /// 2: wrong use.
    Probe(ProbeArguments),
    /// Say why handshakes fail: from HAProxy's configuration, the files that it names and, with
    /// --live, the servers behind it
    ///
    /// Each finding has its line, who notices it, and the cure. Exit code 0: there is no error; 1:
    /// there is, or it failed; 2: wrong use.
    Doctor(DoctorArguments),
    /// Explain a finding's code, an error number of OpenSSL's, a TLS alert, or words of HAProxy's
    ///
    /// With --log it sums up the handshake failures in a log, by cause and client. Exit code 0:
    /// explained; 1: not known, or failed; 2: wrong use.
    Explain(ExplainArguments),
    /// Print completions for a shell, to be put where it looks for them
    ///
    /// Such as /usr/share/bash-completion/completions/fullchain.
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Print a manual page: this command's, or one of its commands'
    ///
    /// For `man`, such as /usr/local/share/man/man1/fullchain-doctor.1.
    Man {
        /// The command [default: fullchain itself]
        command: Option<String>,
    },
    /// Say which certificate HAProxy shows to whom
    ///
    /// Without --name and --no-sni it is the whole table. Exit code 0: certificates answer all
    /// that was asked; 1: one is an alert, or HAProxy would not start; 2: wrong use.
    Sni(SniArguments),
}

#[derive(Debug, Args)]
pub struct BundleArguments {
    /// Where the bundle is written; without it, all but the writing is done
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// What is written
    #[arg(long, value_name = "FORMAT", default_value = "haproxy")]
    pub format: Format,

    /// Where the key is written, beside --format fullchain
    #[arg(long, value_name = "FILE", requires = "out")]
    pub key_out: Option<PathBuf>,

    /// A file whose first line is the passphrase of what --format pkcs12 writes
    #[arg(long, value_name = "FILE", value_parser = passphrase::of_file, conflicts_with = "out_passphrase_env")]
    pub out_passphrase_file: Option<Passphrase>,

    /// The environment variable that has it
    #[arg(long, value_name = "VAR", value_parser = passphrase::of_variable)]
    pub out_passphrase_env: Option<Passphrase>,

    /// Write the key apart, as FILE.key, where HAProxy looks for it
    #[arg(long)]
    pub split_key: bool,

    /// Write the issuer's certificate as FILE.issuer, to which HAProxy holds OCSP responses
    #[arg(long)]
    pub issuer: bool,

    /// Make two bundles of certificates with ECDSA and RSA keys: FILE.ecdsa and FILE.rsa
    #[arg(long)]
    pub twins: bool,

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

impl BundleArguments {
    /// The passphrase of what is written.
    pub fn out_passphrase(&self) -> Option<&Passphrase> {
        let file = self.out_passphrase_file.as_ref();
        file.or(self.out_passphrase_env.as_ref())
    }

    /// What does not go together.
    pub fn conflict(&self) -> Option<&'static str> {
        if self.split_key && self.format != Format::Haproxy {
            Some("--split-key is for --format haproxy")
        } else if self.key_out.is_some() && self.format != Format::Fullchain {
            Some("--key-out is for --format fullchain")
        } else if self.out_passphrase().is_some() != (self.format == Format::Pkcs12) {
            Some(
                "--format pkcs12 takes --out-passphrase-file or --out-passphrase-env, and nothing else does",
            )
        } else if self.key_out.is_some() && self.twins {
            Some("--key-out names one file, and --twins has two keys")
        } else {
            None
        }
    }
}

#[derive(Debug, Args)]
pub struct DeployArguments {
    /// Where HAProxy has the bundle: a `crt` file of its configuration, or one in a folder of it;
    /// with --from it may be the folder, and the file is called after the certificate
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,

    /// Take names and files from what that ACME client tells its hooks: certbot and lego by
    /// variables, acme.sh and dehydrated by arguments, which are then the INPUTs
    #[arg(long, value_name = "certbot|lego|acme.sh|dehydrated")]
    pub from: Option<AcmeClient>,

    /// The stats socket (level admin) or master's socket over which HAProxy gets it, without a
    /// reload: a path, or HOST:PORT
    #[arg(long, value_name = "ADDR", conflicts_with = "reload")]
    pub socket: Option<Address>,

    /// The command by which HAProxy gets it, such as `systemctl reload haproxy`
    #[arg(long, value_name = "CMD")]
    pub reload: Option<String>,

    /// HAProxy's configuration: `haproxy -c` must accept it with the new file; may be repeated
    #[arg(long, value_name = "HAPROXY.CFG")]
    pub config: Vec<PathBuf>,

    /// Where HAProxy listens for TLS, and must serve the new chain: HOST:PORT or a path; may be
    /// repeated
    #[arg(long, value_name = "ADDR")]
    pub verify: Vec<Address>,

    /// The crt-list that gets a line for a certificate that is in none
    #[arg(long, value_name = "FILE")]
    pub crt_list: Option<PathBuf>,

    /// Write the key apart, as FILE.key, where HAProxy looks for it
    #[arg(long)]
    pub split_key: bool,

    /// Write the issuer's certificate as FILE.issuer, to which HAProxy holds OCSP responses
    #[arg(long)]
    pub issuer: bool,

    /// Deploy two bundles of certificates with ECDSA and RSA keys, FILE.ecdsa and FILE.rsa, both
    /// or none
    #[arg(long)]
    pub twins: bool,

    /// Do all up to the writing
    #[arg(long)]
    pub dry_run: bool,

    /// How long each step may take
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub timeout: Duration,

    /// The program that --config asks
    #[arg(long, value_name = "PROGRAM", default_value = "haproxy")]
    pub haproxy: PathBuf,

    /// The version of HAProxy, where no socket tells it [default: the newest]
    #[arg(long, value_name = "VERSION")]
    pub haproxy_version: Option<Version>,

    /// Write the root, too
    #[arg(long)]
    pub include_root: bool,

    #[command(flatten)]
    pub common: CommonArguments,

    /// Files, folders (their regular files), or `-` for standard input
    #[arg(required_unless_present = "from", value_name = "INPUT")]
    pub inputs: Vec<OsString>,
}

#[derive(Debug, Args)]
pub struct VerifyArguments {
    #[command(flatten)]
    pub common: CommonArguments,

    /// Files, folders (their regular files), or `-` for standard input
    #[arg(required = true, value_name = "CERTS")]
    pub inputs: Vec<Input>,
}

#[derive(Debug, Args)]
pub struct CheckArguments {
    /// Whom clients trust: `mozilla`, `system`, or a PEM or DER file; may be repeated [default: mozilla]
    #[arg(long, value_name = "mozilla|system|FILE")]
    pub roots: Vec<Roots>,

    /// Warn of certificates that expire within so many days
    #[arg(long, value_name = "N")]
    pub warn_days: Option<u32>,

    /// Write the counts and expiry times to this file, for Prometheus' node_exporter
    #[arg(long, value_name = "FILE")]
    pub metrics: Option<PathBuf>,

    #[command(flatten)]
    pub bind: BindArguments,
}

#[derive(Debug, Args)]
pub struct ProbeArguments {
    /// Where it listens: HOST:PORT, or the path of a Unix socket
    #[arg(value_name = "HOST:PORT")]
    pub address: Address,

    /// The name that is sent [default: HOST, unless it is an IP address]
    #[arg(long, value_name = "NAME", conflicts_with = "no_sni")]
    pub sni: Option<String>,

    /// Send no name
    #[arg(long)]
    pub no_sni: bool,

    /// Whom clients trust: `mozilla`, `system`, or a PEM or DER file; may be repeated [default: mozilla]
    #[arg(long, value_name = "mozilla|system|FILE")]
    pub roots: Vec<Roots>,

    /// Begin each connection with a header of the PROXY protocol, for what has accept-proxy
    #[arg(long)]
    pub send_proxy: bool,

    /// How long each question may take
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub timeout: Duration,

    /// Print the outcome as JSON on standard output
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct DoctorArguments {
    /// Connect to the servers behind HAProxy, and see what they really send
    #[arg(long)]
    pub live: bool,

    /// Write corrected copies of configuration and certificate files to this new folder, and a diff;
    /// nothing is changed in place
    #[arg(long, value_name = "DIR")]
    pub fix: Option<PathBuf>,

    /// Do not fetch intermediates that --fix lacks
    #[arg(long)]
    pub offline: bool,

    /// A client that must be able to connect, such as java-8; may be repeated
    #[arg(long, value_name = "NAME", value_parser = client)]
    pub serve: Vec<Client>,

    /// Of that version of HAProxy, such as 2.6, or all that `haproxy -v` prints [default: the newest]
    #[arg(
        long,
        value_name = "VERSION",
        default_value_t,
        hide_default_value = true
    )]
    pub haproxy_version: Version,

    /// OpenSSL's security level where `@SECLEVEL` sets no other
    #[arg(long, value_name = "0-5", default_value_t = SECURITY_LEVEL, value_parser = clap::value_parser!(u8).range(0..=5))]
    pub security_level: u8,

    /// Whom clients trust: `mozilla`, `system`, or a PEM or DER file; may be repeated [default: mozilla]
    #[arg(long, value_name = "mozilla|system|FILE")]
    pub roots: Vec<Roots>,

    /// A variable of the environment in which HAProxy is started; may be repeated. Of the others
    /// nothing is known
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    pub env: Vec<(String, String)>,

    /// For this moment instead of now, such as 2026-01-31T00:00:00Z
    #[arg(long, value_name = "RFC3339", value_parser = moment)]
    pub at: Option<UnixTime>,

    /// How long each question to a server may take
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub timeout: Duration,

    /// Print the findings as JSON on standard output
    #[arg(long)]
    pub json: bool,

    /// What HAProxy is given with -f: configuration files, and folders of them
    #[arg(required = true, value_name = "CFG")]
    pub paths: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub struct ExplainArguments {
    /// What is to be explained; several words are one text
    #[arg(required_unless_present = "log", value_name = "WORD")]
    pub words: Vec<String>,

    /// A log of HAProxy's, or `-` for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "words")]
    pub log: Option<Input>,

    /// Print the outcome as JSON on standard output
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct SniArguments {
    /// The name that the client sends; may be repeated
    #[arg(long = "name", value_name = "HOST")]
    pub names: Vec<String>,

    /// The client sends no name
    #[arg(long)]
    pub no_sni: bool,

    /// The signatures that the client can verify
    #[arg(long, value_delimiter = ',', default_values = ["ecdsa", "rsa"])]
    pub client: Vec<Signature>,

    #[command(flatten)]
    pub bind: BindArguments,
}

/// A bind line.
#[derive(Debug, Args)]
pub struct BindArguments {
    /// `strict-sni` is set
    #[arg(long)]
    pub strict_sni: bool,

    /// What `default-crt` has (HAProxy 3.0); may be repeated
    #[arg(long, value_name = "PATH")]
    pub default_crt: Vec<PathBuf>,

    /// The folder of relative names (`crt-base`) [default: the current one]
    #[arg(long, value_name = "DIR")]
    pub crt_base: Option<PathBuf>,

    /// Of that version of HAProxy, such as 2.6, or all that `haproxy -v` prints [default: the newest]
    #[arg(
        long,
        value_name = "VERSION",
        default_value_t,
        hide_default_value = true
    )]
    pub haproxy_version: Version,

    /// What the line had in an earlier state, to tell whether the default certificate changed;
    /// may be repeated
    #[arg(long, value_name = "PATH")]
    pub before: Vec<PathBuf>,

    /// For this moment instead of now, such as 2026-01-31T00:00:00Z
    #[arg(long, value_name = "RFC3339", value_parser = moment)]
    pub at: Option<UnixTime>,

    /// Print the outcome as JSON on standard output
    #[arg(long)]
    pub json: bool,

    /// Certificate files, folders, base names of files that end in .rsa and .ecdsa, or crt-lists
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Signature {
    Ecdsa,
    Rsa,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Certificates and key in one file, for HAProxy's `crt`
    Haproxy,
    /// The certificates, for nginx, Apache, `tls.crt`; the key goes to --key-out
    Fullchain,
    /// The private key alone, for `tls.key`
    Key,
    /// All in one encrypted container, for Windows and Java (RFC 7292)
    Pkcs12,
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

    /// A file whose first line is the passphrase of encrypted keys and PKCS#12 containers; without
    /// it and --passphrase-env it is asked for at the terminal, if there is one
    #[arg(long, value_name = "FILE", value_parser = passphrase::of_file, conflicts_with = "passphrase_env")]
    pub passphrase_file: Option<Passphrase>,

    /// The environment variable that has the passphrase
    #[arg(long, value_name = "VAR", value_parser = passphrase::of_variable)]
    pub passphrase_env: Option<Passphrase>,

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

impl From<OsString> for Input {
    fn from(text: OsString) -> Self {
        match text.to_str() {
            Some("-") => Self::Stdin,
            _ => Self::Path(text.into()),
        }
    }
}

pub fn server_name(text: &str) -> Result<ServerName<'static>, String> {
    ServerName::try_from(text.to_owned())
        .map_err(|_| "neither a host name nor an IP address".to_owned())
}

fn client(text: &str) -> Result<Client, String> {
    Client::named(text).copied().ok_or_else(|| {
        let names: Vec<_> = Client::ALL.iter().map(|client| client.name).collect();
        format!("it is none of {}", names.join(", "))
    })
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("there is no = in it")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds @ 1..=86_400) => Ok(Duration::from_secs(seconds)),
        _ => Err("no number of seconds from 1 to 86400".to_owned()),
    }
}

fn moment(text: &str) -> Result<UnixTime, String> {
    let moment: jiff::Timestamp = text
        .parse()
        .map_err(|error: jiff::Error| error.to_string())?;
    let seconds = u64::try_from(moment.as_second())
        .map_err(|_| "moments before 1970 are not supported".to_owned())?;
    Ok(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
}
