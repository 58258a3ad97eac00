//! What HAProxy says about certificates and TLS: when it starts, and in its log.

use super::{Cause, Explanation};
use Cause::{Backend, Chain, Client, Key, Network, Protocol, Setup, Sni};

/// Words of HAProxy's, and what they mean.
type Message = (&'static str, Cause, &'static str, &'static str);

#[rustfmt::skip]
const MESSAGES: &[Message] = &[
    // At its start: certificate files.
    ("inconsistencies between private key and certificate loaded", Key, "The first certificate of the file and the private key do not belong together: the chain stands in the wrong order, or the key is another certificate's.", "Build the file anew: `fullchain bundle`."),
    ("unable to load certificate chain from file", Setup, "Behind the first certificate there is something that OpenSSL cannot read: END and BEGIN on one line, a blank line in a block, damage.", "See where: `fullchain check FILE`; mend it: `fullchain bundle`."),
    ("unable to load certificate from file", Setup, "There is no certificate in the file that OpenSSL can read.", "See why: `fullchain check FILE`."),
    ("No Private Key found in", Key, "The file has no private key that can be read, nor is there a file of that name with .key; an encrypted key counts as none.", "Add the key; decrypt it: `fullchain bundle --passphrase-file FILE`."),
    ("unable to load private key from file", Key, "The private key cannot be read.", "See why: `fullchain check FILE`."),
    ("unable to stat SSL certificate", Setup, "The file or folder is not there, or may not be read by the user that starts HAProxy.", "Check the path, `crt-base`, and the rights."),
    ("unable to load SSL certificate into SSL Context", Setup, "OpenSSL does not take the certificate: mostly a key that is too short for the security level.", "Have it issued for a new key."),
    ("unable to load SSL private key into SSL Context", Key, "OpenSSL does not take the private key.", "See why: `fullchain check FILE`."),
    ("unable to load chain certificate into SSL Context", Chain, "OpenSSL does not take a certificate of the chain: mostly too weak for the security level.", "Build the file anew: `fullchain bundle`."),
    ("unable to allocate SSL context for cert", Setup, "There was no memory, or OpenSSL is set up wrongly.", "Check memory and openssl.cnf."),
    ("is present and activates OCSP but it is impossible to compute the OCSP certificate ID", Chain, "There is an OCSP response beside the certificate, and its issuer's certificate is not known.", "Put the issuer into the file or beside it: `fullchain bundle --issuer`."),
    ("Certificate ID does not match any certificate", Chain, "The OCSP response is another certificate's.", "Fetch it anew, or remove it."),
    ("pem certificate not found", Setup, "A file of `issuers-chain-path` has no certificate.", "Remove it from there."),
    ("is a directory, SSL configuration and filters are not allowed", Setup, "A crt-list's line names a folder and has options or filters.", "Give each file a line of its own."),
    ("is present but cannot be read or parsed", Setup, "A file beside the certificate, with its OCSP response or signed certificate timestamps, is damaged.", "Fetch it anew, or remove it; `ssl-load-extra-files` says which are looked for."),
    ("Unable to parse OCSP response", Setup, "The file beside the certificate is no OCSP response; HAProxy goes on without.", "Fetch it anew, or remove it."),
    // At its start: crt-lists.
    ("'crt-list' : cannot open file", Setup, "The crt-list is not there, or may not be read by the user that starts HAProxy.", "Check the path: `crt-base` is not put before it."),
    ("Missing LF on last line", Setup, "The crt-list's last line has no line end, so that HAProxy takes the file for a torn one.", "End the file with a line end."),
    ("ssl args out of '[]'", Setup, "An option of a crt-list's line lacks its value, or the value stands outside of the brackets.", "Write `FILE [OPTION VALUE] FILTERS`."),
    ("missing '['", Setup, "A `]` stands in a crt-list's line, and no `[` before it.", "Write `FILE [OPTION VALUE] FILTERS`."),
    ("unknown ssl keyword", Setup, "Lines of crt-lists have fewer options than bind lines, and this is none of them in this version.", "Put it onto the bind line, or check its spelling."),
    // At its start: lines.
    ("all SSL/TLS versions are disabled", Protocol, "No version of TLS is left: the oldest that is allowed is newer than the newest, or all are switched off.", "See which settings meet there: `fullchain doctor CONFIG`."),
    ("unknown ssl/tls version", Protocol, "`ssl-min-ver` or `ssl-max-ver` has a version that this OpenSSL does not speak.", "Its names are TLSv1.0 to TLSv1.3."),
    ("missing the ssl/tls version", Protocol, "`ssl-min-ver` or `ssl-max-ver` has no value.", "Its values are TLSv1.0 to TLSv1.3."),
    ("unable to set elliptic named curve to", Protocol, "`ecdhe` has a curve that OpenSSL does not know.", "Use `curves X25519:P-256`."),
    ("unable to set SSL Signature Algorithm list to", Protocol, "`sigalgs` has a scheme that OpenSSL does not know.", "Its names are such as ECDSA+SHA256 and rsa_pss_rsae_sha256."),
    ("missing cipher suite", Protocol, "`ciphers` or `ciphersuites` has no value.", "Give a list, or take the option out."),
    ("expects a cipher suite as an argument", Protocol, "`ssl-default-bind-ciphers` or one like it has no value.", "Give a list, or take the line out."),
    ("missing the comma-delimited ALPN protocol suite", Protocol, "`alpn` has no value.", "Mostly `alpn h2,http/1.1`."),
    ("missing certificate location", Setup, "`crt` has no value.", "Give a file or a folder."),
    ("on global statement 'ssl-default-bind-options'", Protocol, "This version has no such default for bind lines.", "Check its spelling, or put it onto the bind lines."),
    ("on global statement 'ssl-default-server-options'", Protocol, "This version has no such default for server lines.", "Check its spelling, or put it onto the server lines."),
    ("unable to load ssl tickets keys file", Setup, "The file of `tls-ticket-keys` is not there, or may not be read.", "Check the path and the rights."),
    ("unable to decode base64 key", Setup, "The file of `tls-ticket-keys` has a line that is no key in base64.", "At least three lines of `openssl rand 80 | openssl base64 -A`."),
    ("wrong sized key on line", Setup, "A key of `tls-ticket-keys` has neither 48 nor 80 bytes, or not as many as those before it.", "At least three lines of `openssl rand 80 | openssl base64 -A`."),
    ("tls-tickets-file", Setup, "The file of `tls-ticket-keys` has too few keys, or keys of several sizes.", "At least three lines of `openssl rand 80 | openssl base64 -A`."),
    ("Failed to read CA certificate file", Setup, "The CA of `ca-sign-file` cannot be loaded: its certificate or its key.", "See why: `fullchain check FILE`."),
    ("unknown verify method", Setup, "`verify` is none, optional or required on bind lines, none or required on server lines.", "Correct the word."),
    ("'ssl-server-verify' expects", Backend, "`ssl-server-verify` is none or required.", "Correct the word."),
    ("in error IDs list", Client, "`crt-ignore-err` or `ca-ignore-err` has what is no number of an error of OpenSSL's.", "Give numbers such as 10 (expired), or `all`."),
    ("missing SNI", Backend, "`check-sni` has no value.", "Give the name that checks send."),
    ("missing sni expression", Backend, "`sni` has no value.", "`sni str(NAME)`, or `sni req.hdr(host)`."),
    ("error detected while parsing sni expression", Backend, "The expression behind `sni` is none that this version knows.", "`sni str(NAME)`, or `sni req.hdr(host)`."),
    ("missing hostname to verify against", Backend, "`verifyhost` has no value.", "Give the name that the server's certificate has."),
    ("'ssl-dh-param-file': unable to load DH parameters", Protocol, "The file is not there, or has no DH parameters.", "`openssl dhparam -out FILE 2048`, or take the line out."),
    ("'tune.ssl.default-dh-param' expects", Protocol, "It is a size in bits, 1024 at least.", "Mostly 2048."),
    ("global statement 'issuers-chain-path'", Setup, "`issuers-chain-path` wants a folder.", "Give the folder in which the issuers' files are."),
    ("duplicate issuers-chain", Chain, "Two files of `issuers-chain-path` begin with a certificate of the same CA; the first is used.", "Leave one there; certificates of sites do not belong into that folder."),
    ("expects a directory path as an argument", Setup, "`crt-base` or `ca-base` has no value.", "Give a folder, or take the line out."),
    ("'ssl-load-extra-files' expects", Setup, "It is one or several of none, all, bundle, sctl, ocsp, issuer, key.", "Correct the words."),
    ("'ca-verify-file' : unable to load", Setup, "The file is not there, may not be read, or has no certificate.", "Check the path and `ca-base`, and that it is PEM."),
    ("'ca-file' : unable to load", Setup, "The `ca-file` is not there, may not be read, or has no certificate.", "Check the path and `ca-base`, and that it is PEM."),
    ("'crl-file' : unable to load", Setup, "The `crl-file` is not there, may not be read, or has no list in it.", "Check the path and `ca-base`, and that it is PEM."),
    ("CA were loaded from", Setup, "A folder was given as `ca-file`; of it HAProxy takes the first certificate of each .pem, .crt, .cer and .crl.", "Put all CAs into one file."),
    ("no SSL certificate specified for bind", Setup, "The bind line has `ssl` and no certificate was loaded for it: no `crt`, or an empty folder.", "Add `crt`; with `strict-sni` an empty folder is allowed."),
    ("A certificate was specified but SSL was not enabled on bind", Setup, "The bind line has `crt` without `ssl`: it speaks plain text.", "Add `ssl`."),
    ("unable to set SSL cipher list to", Protocol, "OpenSSL knows none of the ciphers of `ciphers` or `ssl-default-bind-ciphers`.", "Check its spelling: `openssl ciphers -v STRING`; suites of TLS 1.3 belong into `ciphersuites`."),
    ("unable to set TLS 1.3 cipher suites to", Protocol, "`ciphersuites` has a name that OpenSSL does not know.", "Its names are such as TLS_AES_128_GCM_SHA256."),
    ("unable to set SSL curves list to", Protocol, "`curves` has a name that OpenSSL does not know.", "Its names are such as X25519:P-256."),
    ("SSL/TLS versions range not contiguous", Protocol, "The versions that are switched off leave a hole.", "Use `ssl-min-ver` and `ssl-max-ver` alone."),
    ("no-sslv3/no-tlsv1x are ignored", Protocol, "`ssl-min-ver` or `ssl-max-ver` is set, and so the older words do nothing.", "Remove them."),
    ("the ssl-min-ver value is not configured and the ssl-max-ver value is lower than the default ssl-min-ver value", Protocol, "The highest version is below the lowest one by default.", "Set `ssl-min-ver`, too."),
    ("verify is enabled by default but no CA file specified", Backend, "A server line with `ssl` verifies its backend unless told otherwise, and has no CAs to do it with.", "Add `ca-file`, such as `ca-file @system-ca` since 2.6, or say `verify none` and know that anybody may be in between."),
    ("verify is enabled but no CA file specified", Client, "`verify required` or `optional` has no CAs to verify with.", "Add `ca-file`."),
    ("Couldn't open the ca-file", Setup, "The `ca-file` is not there, may not be read, or has no certificate.", "Check the path and `ca-base`, and that it is PEM."),
    ("Couldn't open the crl-file", Setup, "The `crl-file` is not there, may not be read, or has no list in it.", "Check the path and `crl-base`, and that it is PEM."),
    ("cannot initialize SSL verify with 'ca-file", Backend, "The `ca-file` is not there or has no certificate that can be read.", "Check the path and `ca-base`, and the file: `fullchain verify`."),
    ("cannot enable certificate generation, no CA certificate File configured", Setup, "`generate-certificates` needs a CA's certificate and key.", "Add `ca-sign-file`."),
    ("unable to load default 1024 bits DH parameter", Protocol, "The default DH parameters could not be used.", "Set `tune.ssl.default-dh-param 2048`."),
    ("unable to use the global DH parameter", Protocol, "`ssl-dh-param-file` could not be used.", "Make new parameters, or remove the line: there are good defaults."),
    // Last, as words like these stand in other messages, too.
    ("unknown keyword '", Setup, "This version of HAProxy does not know the word: it is spelled otherwise, came with a later version, or OpenSSL lacks what it needs.", "Check its spelling, and the version: `haproxy -vv`; `fullchain doctor CONFIG` knows when options for TLS came."),
    // In its log.
    ("SSL client CA chain cannot be verified", Client, "The client's certificate leads to no CA of `ca-file`.", "Put its CA there, or take the client's off."),
    ("SSL client certificate not trusted", Client, "The client's certificate was refused.", "See why: `ssl_c_err` in the log format."),
    ("Server presented an SSL certificate different from the configured one", Backend, "The backend's certificate has not the name of `verifyhost`.", "Compare `verifyhost` and `sni` with the names in the backend's certificate."),
    ("Layer6 invalid response", Backend, "A health check's handshake with the server failed: HAProxy refused the certificate, or the server refuses what HAProxy offers, or it speaks no TLS there.", "See which: `fullchain doctor --live CONFIG`, or the server's log."),
    ("Layer6 timeout", Backend, "A health check's handshake with the server did not end in time: it speaks no TLS there, or is slow.", "See which: `fullchain doctor --live CONFIG`; mind `timeout check`."),
    ("Timeout during SSL handshake", Network, "The handshake did not end in `timeout client` or `timeout connect`.", "Look at the other side and the network; mind packet sizes (MTU)."),
    ("Connection closed during SSL handshake", Network, "The other side hung up in the middle of the handshake: a client that gave up, a health check that only connects, a scanner.", "If it is one client again and again, see what it says; a check that speaks TLS (`check-ssl`) leaves no such lines."),
    ("Connection error during SSL handshake", Network, "The connection broke in the middle of the handshake.", "Look at the network."),
    ("Received something which does not look like a PROXY protocol header", Network, "The line has `accept-proxy`, and the other side does not send such a header.", "Add `send-proxy` there, or remove `accept-proxy` here."),
    ("SSL handshake failure", Sni, "The handshake failed, and the log does not say why.", "Log the reason: `error-log-format` with `%[ssl_fc_err,hex]` and `%[ssl_fc_err_str]`, since HAProxy 2.5."),
];

/// The words that are told when nothing else is known.
pub(super) const VAGUE: &str = "SSL handshake failure";

pub(super) fn explain(text: &str) -> Option<Explanation> {
    let found = MESSAGES.iter().find(|(words, ..)| text.contains(words))?;
    let (words, cause, meaning, cure) = found;
    Some(Explanation {
        word: (*words).to_owned(),
        title: format!("HAProxy: {words}"),
        cause: match *words {
            VAGUE => Cause::Unknown,
            _ => *cause,
        },
        meaning: (*meaning).to_owned(),
        cure: Some((*cure).to_owned()),
    })
}
