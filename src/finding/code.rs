//! The codes: every kind of thing that is said about the user's material, each with the cause
//! that usually lies behind it and the cure.

use std::fmt;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Severity {
    /// Something was left out or chosen, and nobody need do anything.
    Note,
    /// The material was damaged and has been mended; the output is whole.
    Repaired,
    /// The bundle was made, and something about it deserves a look.
    Warning,
    /// A reason why there is no bundle.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Repaired => "repaired",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

macro_rules! codes {
    ($($variant:ident $severity:ident $word:literal, $cause:literal, $cure:literal;)*) => {
        /// What kind of thing a finding is about.
        ///
        /// In text and JSON it is a kebab-case word (`key-mismatch`). Words are stable: new ones
        /// come, none changes its meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $(
                #[doc = concat!("`", $word, "`: ", $cause, "\n\n", $cure)]
                $variant,
            )*
        }

        impl Code {
            /// Every code there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The kebab-case word.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// The severity that a finding of this code usually has.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }

            /// What usually lies behind such a finding.
            pub const fn cause(self) -> &'static str {
                match self { $(Self::$variant => $cause,)* }
            }

            /// What to do about it; `None` when nothing need be done.
            pub const fn cure(self) -> Option<&'static str> {
                let cure = match self { $(Self::$variant => $cure,)* };
                if cure.is_empty() { None } else { Some(cure) }
            }
        }
    };
}

codes! {
    // Reading: the encoding of the text.
    ByteOrderMark Repaired "byte-order-mark", "A Windows editor put a byte-order mark before the text; OpenSSL then misses the first BEGIN line.", "Save as UTF-8 without a byte-order mark.";
    Utf16 Repaired "utf-16", "PowerShell's `>` or Notepad wrote the file as UTF-16, which no TLS server reads.", "Save as ASCII or UTF-8 (`Out-File -Encoding ascii`).";
    LineEndings Repaired "line-endings", "The lines end in CR LF or CR, as Windows and old Macs write them.", "`dos2unix` mends the source.";
    InvisibleCharacters Repaired "invisible-characters", "Non-breaking or zero-width spaces, or control characters, came along from a web page, a wiki or a chat.", "Download the file rather than copying it from a page.";
    TerminalCodes Repaired "terminal-codes", "Colour or cursor codes were captured together with the text of a terminal.", "Copy with `cat FILE`, without a pager or a colouring filter.";
    EscapedCharacters Repaired "escaped-characters", "Newlines or slashes are written as escapes (`\\n`, `\\/`), as in JSON, an environment variable or source code.", "Decode the value (`printf %b`, `jq -r`) before storing it.";
    PercentEncoding Repaired "percent-encoding", "The text is URL-encoded (`%0A`, `%2B`), as web servers pass certificates in headers.", "Decode the value before storing it.";
    HtmlMarkup Repaired "html-markup", "Tags or character references (`<br>`, `&#43;`) came along from a web page or an XML file.", "Download the file rather than copying the page's source.";
    QuotedPrintable Repaired "quoted-printable", "A mail's transfer encoding (`=3D`, `=` at line ends) was not undone.", "Save the attachment from the mail program instead of the raw message.";
    Base64Wrapped Repaired "base64-wrapped", "A whole file of PEM or base64 is encoded in base64 once more, as the values in a Kubernetes Secret are.", "Decode it first (`base64 -d`).";

    // Reading: lines and markers.
    JoinedMarkers Repaired "joined-markers", "A marker stands on one line with other text, mostly END and BEGIN after `cat` of files with no final newline. HAProxy refuses such a file.", "End every file with a newline before joining files.";
    NoFinalNewline Note "no-final-newline", "The last line has no newline; the next `cat` would join END and BEGIN.", "Add a newline at the end.";
    MarkerSpelling Repaired "marker-spelling", "A BEGIN or END line is misspelt: dashes lost, added or made typographic by a word processor, other case, spaces, or broken in two.", "Write it with five plain hyphens on either side.";
    LabelMismatch Repaired "label-mismatch", "BEGIN and END name different things.", "Make both lines name what the block holds.";
    WrongLabel Repaired "wrong-label", "The block holds something else than its label says; the content decided.", "Correct the label.";
    MissingBegin Repaired "missing-begin", "The BEGIN line is missing, though what follows is whole.", "Add the BEGIN line.";
    MissingEnd Repaired "missing-end", "The END line is missing, though the content is whole.", "Add the END line.";
    RepeatedMarker Repaired "repeated-marker", "A BEGIN line stands twice, or a block is empty.", "Remove the surplus line.";
    BareBase64 Repaired "bare-base64", "A certificate or key stands there as plain base64, with no BEGIN and END lines.", "Add the lines.";
    LinePrefix Repaired "line-prefix", "The lines are indented, quoted, commented or numbered (mail, wiki, YAML, diff, `cat -n`).", "Copy the text without the prefix.";
    BlankLines Repaired "blank-lines", "There are blank lines inside a block. HAProxy refuses them, and its stats socket takes one for the end.", "Remove them.";
    Whitespace Repaired "whitespace", "There are spaces or tabs inside a block, or its lines were joined by spaces.", "";
    StrayCharacters Repaired "stray-characters", "Quotes, commas, bars or other characters from source code or a table stand around the lines.", "Copy the value without its quotes.";
    TextInBlock Repaired "text-in-block", "A line that is not base64 stands inside a block: a comment, a pager's line, a page header.", "Remove it.";
    PemHeaders Repaired "pem-headers", "Header lines (`Name: value`) stand inside a block, as RFC 1421 had them; RFC 7468 has none.", "";
    LineLength Note "line-length", "The base64 is not in lines of 64 characters.", "";
    TextIgnored Note "text-ignored", "Text stands around the blocks, such as the output of `openssl x509 -text` or Bag Attributes.", "";

    // Reading: base64 and DER.
    Base64Padding Repaired "base64-padding", "The `=` at the end of the base64 are missing, too many, or in the middle.", "";
    Base64Url Repaired "base64url", "The base64 uses `-` and `_` (base64url, as in JWK and ACME) in place of `+` and `/`.", "Store certificates in plain base64.";
    SpacesForPlus Repaired "spaces-for-plus", "Every `+` became a space when a web form decoded the text.", "Percent-encode the value before it is sent.";
    TrailingData Repaired "trailing-data", "Bytes follow the certificate inside its block, such as OpenSSL's trust settings in TRUSTED CERTIFICATE.", "Write it anew with `openssl x509`.";
    DerInput Note "der-input", "The source is binary (DER).", "";

    // Reading: what could not be read, and what the bundle does not use.
    Truncated Warning "truncated", "The content ends before the length that it states: the file was cut, or a line is missing.", "Fetch the file anew.";
    CorruptBase64 Warning "corrupt-base64", "A character that base64 does not have stands in the content.", "Fetch the file anew.";
    NotACertificate Warning "not-a-certificate", "The block decodes, but not to what its label says, or to PKCS#7 with no certificate in it.", "Fetch the file anew.";
    OrphanMarker Warning "orphan-marker", "An END line has no BEGIN, or a BEGIN line nothing after it, and no content could be found.", "Fetch the file anew.";
    NotPem Warning "not-pem", "Nothing in the source is a certificate or a key.", "Give the PEM or DER file.";
    UnsupportedFormat Warning "unsupported-format", "The source is in a format that is recognised but not read: PKCS#12, PKCS#7 that is encrypted, an OpenSSH key, an archive.", "Convert it as the help says.";
    ManifestSyntax Warning "manifest-syntax", "The source is a Kubernetes manifest whose YAML or JSON has a mistake, or more in it than is read; it was read as plain text instead.", "Mend it there, or fetch it anew: `kubectl get secret NAME -o yaml`. A template is to be rendered first: `helm template`.";
    PlainData Repaired "plain-data", "PEM stands in plain under `data` of a Kubernetes Secret, where base64 is owed; Kubernetes refuses it.", "Write it under `stringData`, or encode it: `base64 -w 0`.";
    SeveralSecrets Note "several-secrets", "Several Kubernetes Secrets of the source have a certificate and a key.", "Make a bundle of each: `kubectl get secret NAME -o yaml`.";
    BlockLeftOut Note "block-left-out", "A block that a bundle has no use for: a certificate request, a CRL, EC parameters, a public key.", "";

    // Key and leaf.
    NoKey Error "no-key", "There is no private key in the material; HAProxy cannot serve without one.", "Add the key that the certificate was requested with.";
    NoCertificate Error "no-certificate", "There is no certificate in the material.", "Add the certificate that the CA issued.";
    KeyMismatch Error "key-mismatch", "No key in the material belongs to any certificate in it, mostly because the key of an older certificate was taken.", "Find the key with which the request was made, or have the certificate issued anew.";
    AmbiguousPair Error "ambiguous-pair", "More than one certificate in the material has its key there, so it is not clear which to serve.", "Leave one pair out, or make a bundle for each.";
    EncryptedKey Warning "encrypted-key", "The private key, or the container that it is in, is encrypted; HAProxy has nobody to ask for the passphrase.", "Give its passphrase: `--passphrase-file`, `--passphrase-env`, or at a terminal when asked; in the library, `Reader::passphrases`.";
    WrongPassphrase Warning "wrong-passphrase", "The passphrase is another one's, or the file was damaged.", "Give the passphrase of this file; the name of a file with it is the argument of `--passphrase-file`.";
    NoMac Warning "no-mac", "The PKCS#12 container was exported without a MAC; a damaged one looks like a sound one.", "Export it with a MAC.";
    KeyDecrypted Note "key-decrypted", "The private key was encrypted, and its passphrase was given.", "";
    UnsupportedKey Warning "unsupported-key", "The private key is of an algorithm, size or curve that is not supported.", "Use RSA of 2048 to 8192 bits, P-256, P-384, P-521 or Ed25519.";
    InconsistentKey Warning "inconsistent-key", "The key contradicts itself: its private part does not produce the public key that it names.", "Take the key from a backup; this file is damaged or was tampered with.";
    KeyRewritten Repaired "key-rewritten", "The key is in a form that HAProxy's OpenSSL does not load, so it is written in one that it does.", "";
    KeyLeftOut Note "key-left-out", "A private key that does not belong to the served certificate was left out.", "";
    DuplicateKey Note "duplicate-key", "The same private key stands in the material more than once.", "";
    WeakKey Error "weak-key", "The certificate's RSA key has fewer than 2048 bits; clients refuse it.", "Have the certificate issued for a new key.";

    // Order and choice.
    Reordered Repaired "reordered", "The blocks stood in another order than HAProxy needs: leaf, then each certificate's issuer.", "";
    DuplicateCertificate Note "duplicate-certificate", "The same certificate stands in the material more than once.", "";
    RootLeftOut Note "root-left-out", "The root was left out: clients have it, and sending it only costs bytes.", "`include_root` puts it in, where that is wanted.";
    RootUnavailable Error "root-unavailable", "The root was asked for, but the trust store holds only its key, and the material not the certificate.", "Add the root's certificate to the inputs.";
    ExpiredLeftOut Warning "expired-left-out", "A certificate that has expired or is not valid yet was left out. Sent along, an expired cross-sign breaks old clients.", "Remove it from the source.";
    LeafLeftOut Note "leaf-left-out", "Another server certificate was left out: its key is not there, or it is not in date.", "Make a bundle of its own for it.";
    UnrelatedCertificate Note "unrelated-certificate", "A CA certificate that is no part of the path was left out.", "Remove it from the source.";
    AlternativeLeftOut Note "alternative-left-out", "A CA certificate of another path to a root was left out: a cross-sign or a twin; or one with the name of a CA in the path and another key.", "";
    IntermediateAdded Repaired "intermediate-added", "An intermediate that the material lacks was taken from elsewhere: a local pool, the cache, or where the certificate says that it may be had.", "Keep the CA's whole chain beside the certificate.";
    Fetched Note "fetched", "An issuer that the material lacks was fetched from where the certificate says that it is (AIA).", "";
    FetchFailed Warning "fetch-failed", "A URL that a certificate names did not give its issuer.", "Add the CA's intermediate to the inputs, or tell the CA that its URL does not work.";
    UrlSkipped Note "url-skipped", "A URL that a certificate names for its issuer was not asked.", "";
    FetchLimit Warning "fetch-limit", "Fetching met a limit that guards against hostile certificates and servers.", "Add the CA's intermediates to the inputs.";
    Cache Warning "cache", "The cache of fetched certificates has a file that is not what it should be, or could not be written.", "Remove the file, or see to it that the folder can be written.";
    DuplicateDhParameters Note "duplicate-dh-parameters", "HAProxy uses one DH PARAMETERS block; the first was kept.", "Remove the others.";
    WeakDhParameters Warning "weak-dh-parameters", "The DH parameters have a prime of fewer than 2048 bits; OpenSSL's default security level refuses them.", "Make new ones, or remove the block: HAProxy has good defaults.";

    // Trust.
    MissingIssuer Error "missing-issuer", "The certificate of an issuer is neither in the material nor among the roots: the intermediate was forgotten, or the root is not trusted.", "Add the CA's intermediate (its \"CA bundle\").";
    BadSignature Error "bad-signature", "A certificate names an issuer that is there, but the issuer's key did not sign it: a CA of the same name with another key, or damage.", "Fetch the intermediate that belongs to this certificate.";
    SelfSigned Error "self-signed", "The certificate signed itself and is not among the given roots.", "Have it signed by a CA, or give it as a root.";
    Expired Error "expired", "The certificate's validity ended before the time of the check.", "Renew it.";
    NotYetValid Error "not-yet-valid", "The certificate's validity begins after the time of the check.", "Wait, or set the clock.";
    NameMismatch Error "name-mismatch", "The certificate is not valid for a name that was asked for.", "Have it issued for that name.";
    NotForServers Error "not-for-servers", "The certificate, or a CA above it, may not be used for TLS servers (extended key usage).", "Have it issued for server authentication.";
    CaAsLeaf Error "ca-as-leaf", "The certificate that belongs to the key is a CA certificate; clients refuse one as a server's.", "Issue a certificate with CA:FALSE. (`openssl req -x509` makes CA certificates unless told otherwise.)";
    NotACa Error "not-a-ca", "A certificate signed another one without being a CA.", "Have the certificate issued by a real CA.";
    NameConstraint Error "name-constraint", "A CA in the path may not issue for one of the certificate's names.", "Have it issued by a CA that may.";
    PathLength Error "path-length", "A CA in the path allows fewer CAs below it than there are.", "Take another chain of the CA, or have a CA issued that is allowed as many.";
    UnsupportedAlgorithm Error "unsupported-algorithm", "A signature in the path is of an algorithm that is not supported (SHA-1, MD5, P-521 or other).", "Have the certificate issued with RSA or ECDSA and SHA-256 or better.";
    PathRefused Error "path-refused", "The path was refused for another reason, which the message gives.", "See the message.";
    LimitExceeded Error "limit-exceeded", "A limit that guards against hostile input was met: by the search for a path, or by the iterations that open what is encrypted.", "Remove CA certificates that have nothing to do with this one.";
    // HAProxy: what it loads.
    NotLoaded Error "not-loaded", "OpenSSL, through which HAProxy reads its files, does not read the certificates of the file, and HAProxy does not start.", "Let `fullchain bundle` write the file anew: it mends what can be mended.";
    NotSent Warning "not-sent", "A certificate of the file is not sent to clients: it stands behind a damaged block, or under a label that OpenSSL passes over there.", "Let `fullchain bundle` write the file anew.";
    SideFile Error "side-file", "HAProxy refuses a file beside the certificate file (`.ocsp`, `.issuer` or `.sctl`), and does not start.", "Replace the file, or remove it.";
    OcspResponse Warning "ocsp-response", "The OCSP response beside the certificate file is ignored, or does clients no good; HAProxy starts all the same.", "Fetch it anew: `openssl ocsp -issuer ISSUER -cert FILE -url URL -respout FILE.ocsp`.";
    MustStaple Warning "must-staple", "The certificate demands an OCSP response (TLS feature, RFC 7633), and HAProxy has none to send: clients that insist on it refuse the connection.", "Keep FILE.ocsp up to date, or let HAProxy 2.8 or newer do so (`ocsp-update on`), or have the certificate issued without the demand.";
    SentOrder Warning "sent-order", "The certificates are not sent in issuing order. TLS 1.2 demands it (RFC 5246 section 7.4.2); most clients do without, and old ones fail.", "Let `fullchain bundle` write the file anew: leaf, then each certificate's issuer.";
    SentTwice Warning "sent-twice", "A certificate is sent more than once, at the cost of each handshake.", "Let `fullchain bundle` write the file anew.";
    RootSent Note "root-sent", "The root is sent: clients have it, and sending it only costs bytes.", "Let `fullchain bundle` write the file anew.";
    StrangerSent Warning "stranger-sent", "A certificate is sent that no client needs: another server's, a CA's of nobody's path, or a path's that is not taken.", "Let `fullchain bundle` write the file anew.";
    ExpiredSent Warning "expired-sent", "A certificate is sent that is not in date and that no client needs. An expired cross-sign breaks old clients.", "Let `fullchain bundle` write the file anew.";
    ExpiresSoon Warning "expires-soon", "A certificate, or one above it, is valid for a few days only.", "Renew it.";
    SharedKey Note "shared-key", "Several certificates have one key: whoever gets it has all of them.", "Make a new key with each certificate.";
    NameLost Warning "name-lost", "The new certificate lacks a name that the one before it had; clients that send it get another certificate.", "Have it issued for that name, too, unless nobody uses it any more.";
    NotNamed Warning "not-named", "The configuration does not name the file, so that HAProxy will not load it.", "Name the file, or its folder, on a bind line.";
    // HAProxy: its configuration.
    ConfigSyntax Error "config-syntax", "A line of HAProxy's configuration is one that it refuses, and then it does not start.", "`haproxy -c -f FILE` tells it in HAProxy's words.";
    ConfigMessage Note "config-message", "The configuration itself says something: `.notice`, `.warning`, or `.alert`, after which HAProxy does not start.", "";
    ConditionUnknown Note "condition-unknown", "Whether a conditional block applies depends on what is not known here, such as a variable; it is read as if it did.", "";
    UnknownVariable Note "unknown-variable", "A line uses an environment variable whose value is not known here; it counts as unset.", "";
    EmptyWord Warning "empty-word", "A word is empty, mostly because of a variable without a value; HAProxy passes over the rest of the line.", "Give the variable a value, or a default: `\"${NAME-default}\"`.";
    TlsVersions Warning "tls-versions", "The options for TLS versions contradict each other, so that others are spoken than it seems, or none.", "Use `ssl-min-ver` and `ssl-max-ver` alone.";
    // HAProxy: which certificate answers whom.
    CrtListSyntax Error "crt-list-syntax", "A line of a crt-list is one that HAProxy refuses, and then it does not start.", "Write it as FILE [OPTION VALUE ...] FILTER ...";
    DefaultCertificate Note "default-certificate", "This certificate answers clients that send no name, or one that no certificate has.", "";
    DefaultChanged Warning "default-changed", "Another certificate than before is the default, mostly because a new file's name sorts first.", "Name the default certificate first on the bind line, ahead of the folder.";
    NameClaimedTwice Warning "name-claimed-twice", "Two files of one key type have the same name; the one that is loaded first answers.", "Remove the file that is out of date.";
    WildcardWins Warning "wildcard-wins", "An ECDSA certificate with a wildcard answers modern clients in place of an RSA certificate with the very name.", "Give the name an ECDSA certificate of its own, or exclude it from the wildcard (`!NAME` in a crt-list).";
    NeverAnswers Warning "never-answers", "No client ever gets this certificate.", "Remove the file, or the filters that keep it from answering.";
    FilterHidesNames Warning "filter-hides-names", "A crt-list line with SNI filters does not answer for the certificate's own names.", "Add the names to the filters, or remove the filters.";
    VoidFilter Warning "void-filter", "An SNI filter of a crt-list has no effect.", "Remove it, or write what was meant.";
    TwinMissing Note "twin-missing", "A name has an ECDSA certificate and no RSA one, while other names have both: clients without ECDSA get an alert.", "Add the RSA certificate, or do without them everywhere.";
    TwinsDiffer Warning "twins-differ", "Two certificates of one name, with an ECDSA and an RSA key, do not have the same names.", "Have both issued for the same names.";
    OddCommonName Note "odd-common-name", "A common name is no host name; HAProxy takes it for one all the same.", "";
    // The strict profile: the form of certificates.
    CertificateForm Warning "certificate-form", "A certificate breaks a rule of form: its version, dates, unique identifiers, or an extension that stands twice.", "Have it issued by a CA that follows RFC 5280.";
    SerialNumber Warning "serial-number", "A serial number is zero, negative or longer than 20 bytes.", "Have it issued with a random positive serial number.";
    EmptyName Warning "empty-name", "An issuer, or a CA's subject, is empty.", "Name the CA.";
    CriticalBit Warning "critical-bit", "An extension is critical that must not be, or that is unknown.", "Have it issued with the critical bits of RFC 5280.";
    MalformedExtension Warning "malformed-extension", "An extension's content is not what its type prescribes.", "Have it issued anew; the CA's software is at fault.";
    KeyIdentifier Warning "key-identifier", "A subject or authority key identifier is missing, by which others find the issuer.", "Have it issued with key identifiers (`subjectKeyIdentifier = hash`, `authorityKeyIdentifier = keyid`).";
    BasicConstraints Warning "basic-constraints", "Basic constraints are missing, not critical, or contradict what the certificate is used for.", "Issue CAs with critical CA:TRUE, servers with CA:FALSE.";
    KeyUsage Warning "key-usage", "The key usage is missing, empty, or contradicts what the certificate is used for.", "Issue CAs with keyCertSign, servers without.";
    ExtendedKeyUsage Warning "extended-key-usage", "The extended key usage is missing, critical, or allows anything.", "Issue servers with serverAuth and nothing more than they need.";
    SubjectAltName Warning "subject-alt-name", "The subject alternative name is missing, of the wrong form, or not critical where the subject is empty.", "Issue with DNS names and IP addresses of proper form.";
    CommonName Warning "common-name", "The common name is not one of the subject alternative names, letter for letter.", "Leave the common name out, or repeat a subject alternative name in it.";
    NameConstraintsForm Warning "name-constraints-form", "Name constraints are empty, not critical, in a server's certificate, or use what RFC 5280 does not allow.", "Issue them in CA certificates only, critical, with subtrees.";
    PolicyForm Warning "policy-form", "A policy extension is empty, names a policy twice, is not critical where it must be, or in a server's certificate.", "Issue it as RFC 5280 prescribes, or leave it out.";
    UnfitKey Warning "unfit-key", "A key is of a kind or size that the Baseline Requirements do not allow.", "Use RSA of 2048 bits or more, or P-256, P-384 or P-521.";
    UnfitAnchor Warning "unfit-anchor", "A trust anchor is expired, no proper CA, or has extensions that a root must not have.", "Replace the root.";
    Lifetime Warning "lifetime", "A server's certificate is valid for longer than browsers accept of public CAs.", "Have it issued for the days that are allowed, and renew it by ACME.";
    Link Note "link", "A link of the path that was refused; this one holds.", "";
    PathChosen Note "path-chosen", "There were several paths; one was chosen by the given preference.", "";
    StoreDoesNotTrust Warning "store-does-not-trust", "One of the given trust stores does not trust the bundle, while another does.", "Check who your clients are.";
    TrustStore Warning "trust-store", "A trust store has an entry that cannot be used.", "Remove the entry.";

    // The doctor: protocol.
    SslMissing Error "ssl-missing", "A line has options for TLS and lacks the word `ssl`, without which it speaks plain.", "`ssl`, or take the options out.";
    CipherString Error "cipher-string", "OpenSSL refuses the list of cipher suites: it has a character that the language does not have, or leaves no suite. HAProxy does not start.", "`openssl ciphers -v 'STRING'` shows what a string comes to.";
    UnknownCipher Warning "unknown-cipher", "A word of a cipher list is none that OpenSSL knows; it passes over it without saying so.", "Correct it, or take it out.";
    Tls13InCiphers Warning "tls13-in-ciphers", "Cipher suites of TLS 1.3 stand in `ciphers`, which is for TLS 1.2 and older; they have no effect there.", "Move them to `ciphersuites`.";
    TlsList Error "tls-list", "OpenSSL refuses the list of groups (`curves`, `ecdhe`) or of signature algorithms (`sigalgs`), and HAProxy does not start.", "Correct the word that it does not know.";
    NewerOption Error "newer-option", "An option came with a later version of HAProxy; this one does not know it, and does not start.", "Take it out, or upgrade HAProxy.";
    MisspeltOption Error "misspelt-option", "A word on a bind or server line is no option of HAProxy's, and nearly one of those for TLS; HAProxy does not start.", "Write it as HAProxy does.";
    UnexpandedVariable Error "unexpanded-variable", "A variable of the environment is not between double quotes: HAProxy takes its name for the value (configuration manual, section 2.3).", "Put the value between double quotes.";
    VersionBlocked Error "version-blocked", "Versions of TLS are allowed that OpenSSL's security level forbids: TLS 1.0 and 1.1 want level 0 since OpenSSL 3.0.", "Allow TLS 1.2 and later; or, if old clients matter more, append `@SECLEVEL=0` to `ciphers`.";
    NoUsableCipher Error "no-usable-cipher", "No cipher suite that is allowed goes with the version of TLS and the certificate's key: suites with ECDSA in their name want an ECDSA key, those with RSA an RSA key.", "Allow suites for both kinds of keys, or have the certificate issued for the other kind of key.";
    KeyBelowLevel Error "key-below-level", "A certificate's key is weaker than `@SECLEVEL` in the cipher string demands: OpenSSL then answers every client with an alert. Level 3 wants RSA of 3072 bits, level 4 of 7680 or P-384.", "`@SECLEVEL=2`, or a certificate with a longer key; those of its CAs count, too.";
    LegacyVersion Warning "legacy-version", "TLS 1.0 or 1.1 is spoken, which RFC 8996 forbids; browsers have not needed it for years.", "`ssl-min-ver TLSv1.2`";
    WeakCipher Warning "weak-cipher", "Cipher suites are allowed that prove nobody's identity or encrypt nothing.", "Add `:!aNULL:!eNULL` to the string, or take Mozilla's.";
    Guideline Note "guideline", "The settings differ from Mozilla's guideline for servers (Server Side TLS), at the level to which they are nearest.", "";
    ClientShutOut Note "client-shut-out", "A client that people still meet cannot connect: it has no version of TLS, suite, group or signature in common with the server.", "If it must be served, allow what it speaks.";

    // The doctor: names.
    HostWithoutCertificate Warning "host-without-certificate", "The rules route requests for a host for which no certificate of the bind line is valid: clients refuse the default one, or get an alert.", "Have it in a certificate, and name that one on the bind line.";
    NameNeverSeen Error "name-never-seen", "A rule asks for the name that clients send (SNI) where HAProxy does not have it: `req.ssl_sni` is for connections that are passed on and whose first bytes were waited for, `ssl_fc_sni` for those that it decrypts.", "`ssl_fc_sni` behind `bind ... ssl`; `req.ssl_sni` with `tcp-request inspect-delay` elsewhere.";
    StrictSniAlerts Note "strict-sni-alerts", "With `strict-sni` clients that send no name, or one that no certificate has, get an alert; health checks without `check-sni` are among them.", "Let checks send a name, or leave strict-sni out.";

    // The doctor: chains and stores.
    IssuersChainPath Warning "issuers-chain-path", "`issuers-chain-path` does not help: the folder has no chain for a certificate that stands alone in its file, cannot be read, or the file has a chain of its own, which comes first.", "Put the issuer's certificates there, or into the file: `fullchain bundle`.";
    CaFile Error "ca-file", "A `ca-file` cannot be read, or has no certificate in it; HAProxy does not start.", "Correct the name, or give the CA's certificates; `@system-ca` (HAProxy 2.6) stands for the system's.";
    CaFileWithoutRoot Error "ca-file-without-root", "A `ca-file` has intermediates only. HAProxy has OpenSSL verify chains up to a certificate that signed itself, so that none is verified.", "Put the root into the file, too.";
    CrlFile Error "crl-file", "A `crl-file` cannot be read, or has no CRL in it; HAProxy does not start.", "Correct the name, or take the option out. A CRL in DER must become PEM: `openssl crl -inform DER -in FILE`.";
    CrlMissing Error "crl-missing", "A `crl-file` has no CRL (list of revoked certificates) of one of the CAs of `ca-file`. With a `crl-file` HAProxy has OpenSSL look each certificate of a chain up in the list of its issuer, the root in its own, so that all chains of that CA are refused. It is a warning where only some of several CAs have none.", "Put the current CRL of each CA into the file, the root's own, too.";
    CrlStale Error "crl-stale", "A CRL says until when there will be a newer one, and that time has passed, or it is not valid yet: OpenSSL refuses all certificates of that CA.", "Fetch the CA's current CRL, and reload HAProxy; do so regularly.";
    CaSignFile Error "ca-sign-file", "`generate-certificates` wants a CA's certificate and key to sign with, and there is none that HAProxy can load; it does not start.", "`ca-sign-file FILE`, with the certificate and its key in it.";
    TicketKeys Error "ticket-keys", "The file of `tls-ticket-keys` has a line that is no key; HAProxy does not start.", "At least three lines of `openssl rand 80 | openssl base64 -A`; or take the option out, and HAProxy makes keys of its own.";
    ClientsUnverified Note "clients-unverified", "A `ca-file` is given for the certificates of clients, and none is asked for, as `verify` is not set.", "`verify required`, or `verify optional`.";

    ServedDiffers Warning "served-differs", "HAProxy serves another certificate than its files have: they were changed and HAProxy was not reloaded, or something else listens there.", "Reload HAProxy: `systemctl reload haproxy`; or let `fullchain deploy` write, bring and verify.";
    NotServed Warning "not-served", "No handshake comes about at the address of a bind line, from here: HAProxy does not run, or refuses.", "`fullchain probe ADDRESS` says more.";

    // The doctor: servers behind HAProxy.
    VerifyWithoutCa Error "verify-without-ca", "The server's certificate must be verified, which is so unless something else is said, and there is no `ca-file`; HAProxy does not start.", "`ca-file` with the CA that issued it; `@system-ca` (HAProxy 2.6) for a public one.";
    BackendUnverified Warning "backend-unverified", "`verify none`: HAProxy talks to whoever answers at the server's address. It encrypts, and knows not to whom.", "`verify required` with a `ca-file`, and `sni` or `verifyhost`.";
    BackendAnyName Warning "backend-any-name", "The server's chain is verified, and not its name: any certificate of that CA will do.", "`verifyhost NAME`, or `sni str(NAME)`.";
    BackendWithoutSni Warning "backend-without-sni", "No name is sent to a server that is addressed by one; servers with several names then show their default certificate, or refuse.", "`sni str(NAME)`, or `sni req.hdr(host)` for the name that the client asked for.";
    BackendUntrusted Error "backend-untrusted", "What the server sends is not verified by the `ca-file`: its issuer is not in there, the server sends no intermediate, it signed itself, or it has expired.", "Put the CA's certificate into the ca-file, or have the server send its intermediates.";
    SniExpression Error "sni-expression", "`sni` takes an expression, such as `str(NAME)` or `req.hdr(host)`; `check-sni` and `verifyhost` take a name as it is. HAProxy refuses the one, and sends or looks for the other letter by letter.", "`sni str(NAME)`, `check-sni NAME`, `verifyhost NAME`.";
    BackendName Error "backend-name", "The server's certificate does not have the name that HAProxy asks for with `sni` or `verifyhost`.", "Ask for a name that it has, or have it issued for that name.";
    BackendRefuses Error "backend-refuses", "The server refuses the handshake.", "`fullchain explain ALERT` says what it points to.";
    BackendPlain Error "backend-plain", "`ssl` is set for a server that does not speak TLS there.", "Take `ssl` out, or use the port on which it speaks TLS.";
    BackendSpeaksTls Error "backend-speaks-tls", "A server is spoken to in plain that speaks TLS.", "`ssl`, with `verify required`, a `ca-file` and `sni`.";
    TlsInTls Warning "tls-in-tls", "What clients send is passed on as it is, in TLS, and HAProxy encrypts it once more for the server: a server that is no tunnel's other end understands neither.", "Take `ssl` and what goes with it out of the server's line.";
    BackendWantsCertificate Error "backend-wants-certificate", "The server wants a certificate of its clients, and HAProxy is given none for it.", "`crt FILE`, with a certificate that the server's CA for clients issued, and its key.";
    BackendUnreachable Warning "backend-unreachable", "The server could not be reached from here.", "Is it up, and is the address right?";
    CheckWithoutTls Warning "check-without-tls", "Health checks go to another port or address than the server's, and then do not speak TLS unless `check-ssl` is set.", "`check-ssl`, or `no-check-ssl` to say that they are meant to be plain.";
    CheckWithoutSni Warning "check-without-sni", "Health checks send no name, as `sni` is for traffic only; a server that chooses its certificate by name shows another one, or refuses.", "`check-sni NAME`";

    // The doctor: logs.
    ErrorsNotLogged Warning "errors-not-logged", "A failed handshake leaves no line in the log, or one that does not say why.", "`option httpslog` or `option tcplog` with `error-log-format`; see the message.";
    UnknownFetch Error "unknown-fetch", "A log format uses a sample fetch that this version of HAProxy does not have, and it does not start.", "Use one that it has; the message names them.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Code;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_distinct_kebab_case_words() {
        let words: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(words.len(), Code::ALL.len());
        for word in words {
            assert!(
                word.bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
                "{word}"
            );
        }
    }
}
