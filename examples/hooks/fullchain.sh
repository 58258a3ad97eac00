#!/usr/bin/env sh
# A deploy script for acme.sh: in ~/.acme.sh/deploy/, used by `acme.sh --deploy --deploy-hook fullchain`.

# The arguments are the domain and the files of key, certificate, CA and full chain.
fullchain_deploy() {
  # shellcheck disable=SC2086 # Several options in one.
  fullchain deploy --from acme.sh --to "${HAPROXY_CERTS:-/etc/haproxy/certs}" \
    --socket "${HAPROXY_SOCKET:-/run/haproxy/admin.sock}" \
    --verify "${HAPROXY_TLS:-127.0.0.1:443}" ${FULLCHAIN_OPTIONS:-} -- "$@"
}
