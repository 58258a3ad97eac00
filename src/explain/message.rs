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
    // At its start: lines.
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
    // In its log.
    ("SSL client CA chain cannot be verified", Client, "The client's certificate leads to no CA of `ca-file`.", "Put its CA there, or take the client's off."),
    ("SSL client certificate not trusted", Client, "The client's certificate was refused.", "See why: `ssl_c_err` in the log format."),
    ("Server presented an SSL certificate different from the configured one", Backend, "The backend's certificate has not the name of `verifyhost`.", "Compare `verifyhost` and `sni` with the names in the backend's certificate."),
    ("Timeout during SSL handshake", Network, "The handshake did not end in `timeout client` or `timeout connect`.", "Look at the other side and the network; mind packet sizes (MTU)."),
    ("Connection closed during SSL handshake", Network, "The other side hung up in the middle of the handshake.", "If it is one client again and again, see what it says."),
    ("Connection error during SSL handshake", Network, "The connection broke in the middle of the handshake.", "Look at the network."),
    ("Received something which does not look like a PROXY protocol header", Network, "The line has `accept-proxy`, and the other side does not send such a header.", "Add `send-proxy` there, or remove `accept-proxy` here."),
    ("SSL handshake failure", Sni, "The handshake failed, and the log does not say why.", "Log the reason: `error-log-format` with `%[ssl_fc_err,hex]` and `%[ssl_fc_err_str]`, since HAProxy 2.5."),
    ("Layer6 invalid response", Backend, "A health check got no TLS answer that it takes: the backend's certificate was refused, or it speaks no TLS.", "Add `check-ssl`, `check-sni` and `ca-file` as the traffic has them."),
];

/// The words that are told when nothing else is known.
const VAGUE: &str = "SSL handshake failure";

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
