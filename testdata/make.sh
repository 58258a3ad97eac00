#!/usr/bin/env bash
# Makes every file here anew, with new keys. Needs nothing but bash and openssl 3.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# `openssl ca`, because in 3.0 `openssl x509` cannot be told a first day.
cat > "$work/ca.cnf" <<CONF
[ca]
default_ca = test
[test]
database = $work/index
new_certs_dir = $work
default_md = sha256
policy = any
unique_subject = no
rand_serial = yes
copy_extensions = copy
[any]
organizationName = optional
commonName = supplied
[req]
distinguished_name = empty
[empty]
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[server]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
CONF
touch "$work/index"

rsa() { openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$work/$1.key"; }
ec() { openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/$1.key"; }

# certify NAME ISSUER KIND SUBJECT [HOST...], from $begin to $end. A root is its own issuer.
begin=20250101000000Z
end=21250101000000Z
certify() {
  local name=$1 issuer=$2 kind=$3 subject=$4
  shift 4
  local request=() signer=(-selfsign)
  if (($#)); then
    request=(-addext "subjectAltName=$(printf 'DNS:%s\n' "$@" | paste -sd,)")
  fi
  if [[ $issuer != "$name" ]]; then
    signer=(-cert "$work/$issuer.crt")
  fi
  openssl req -new -config "$work/ca.cnf" -key "$work/$name.key" -subj "$subject" "${request[@]}" \
    -out "$work/$name.csr"
  openssl ca -config "$work/ca.cnf" -batch -notext -extensions "$kind" \
    "${signer[@]}" -keyfile "$work/$issuer.key" -startdate "$begin" -enddate "$end" \
    -in "$work/$name.csr" -out "$work/$name.crt" 2> "$work/log" || { cat "$work/log" >&2; exit 1; }
}

rsa root
certify root root authority '/O=Example Trust/CN=Example Trust Root'
rsa intermediate
certify intermediate root authority '/O=Example Trust/CN=Example Trust Server CA'
ec www
certify www intermediate server /CN=www.example.com www.example.com example.com
# Another leaf of the same intermediate.
ec shop
certify shop intermediate server /CN=shop.example.com shop.example.com
# A CA that has nothing to do with the others.
rsa stranger
certify stranger stranger authority '/O=Unrelated/CN=Unrelated Root'
# As www, and with its key, but long over.
cp "$work/www.key" "$work/expired.key"
begin=20200101000000Z end=20210101000000Z
certify expired intermediate server /CN=www.example.com www.example.com example.com

# pile BLOCK...: those files, one after the other.
pile() { (cd "$work" && cat -- "$@"); }
# As pile, with the first line of each file on the last line of the one before.
joined() { pile "$@" | sed -z 's/-----\n-----BEGIN/----------BEGIN/g'; }
crlf() { sed 's/$/\r/'; }

rm -rf site damaged
mkdir site damaged

# The only anchor, for whoever verifies.
pile root.crt > root.pem

# What a CA hands over: the leaf as a mail program saved it, and the rest as a bundle that begins
# with the root, put together from files that did not end with a newline.
pile www.crt | crlf > site/www.example.com.crt
joined root.crt intermediate.crt > site/ca-bundle.crt
pile www.key > site/www.example.com.key

# In order: nothing to mend.
pile www.crt intermediate.crt www.key > damaged/clean.pem
# HAProxy does not mind where the key is.
pile www.key www.crt intermediate.crt > damaged/key-first.pem
# HAProxy takes the intermediate for the leaf, and says the key does not match.
pile intermediate.crt www.crt www.key > damaged/reversed.pem
# As reversed, with a root that no client needs.
pile intermediate.crt www.key root.crt www.crt > damaged/shuffled-with-root.pem
# HAProxy serves the leaf and the intermediate twice.
pile www.crt intermediate.crt www.key www.crt intermediate.crt www.key > damaged/doubled.pem
# `cat` of files without a newline at their end: OpenSSL reads none of such blocks.
joined www.crt intermediate.crt www.key > damaged/joined.pem
# From Windows.
pile www.crt intermediate.crt www.key | crlf > damaged/crlf.pem
# As `openssl x509 -text` and `openssl ca` write certificates.
{
  pile www.crt | openssl x509 -text
  pile intermediate.crt | openssl x509 -text
  pile www.key
} > damaged/text.pem
# A byte order mark, from an editor on Windows. OpenSSL 3.0 skips it, other readers do not.
{
  printf '\xef\xbb\xbf'
  pile www.crt intermediate.crt www.key
} > damaged/bom.pem
# HAProxy would serve the unrelated CA with the chain.
pile www.crt stranger.crt intermediate.crt www.key > damaged/stranger.pem
# A second leaf, whose key is not here: the key tells which one is meant.
pile shop.crt www.crt intermediate.crt www.key > damaged/two-leaves.pem

# These cannot be mended.
# The key of another leaf.
pile www.crt intermediate.crt shop.key > damaged/wrong-key.pem
pile www.crt intermediate.crt > damaged/no-key.pem
# HAProxy serves this one, and clients refuse it.
pile www.crt www.key > damaged/missing-intermediate.pem
pile expired.crt intermediate.crt expired.key > damaged/expired.pem
# HAProxy asks for the password ("secret") on the terminal, and without one it finds no key.
{
  pile www.crt intermediate.crt
  pile www.key | openssl pkcs8 -topk8 -passout pass:secret
} > damaged/encrypted-key.pem

openssl verify -CAfile root.pem -untrusted "$work/intermediate.crt" "$work/www.crt" "$work/shop.crt" \
  > "$work/log"
