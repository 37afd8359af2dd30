#!/usr/bin/env bash
# A private authority and a certificate per service, for trying mutual TLS on one machine. Not for production.
# Usage: certificates.sh [directory]
set -euo pipefail
directory="${1:-$(dirname "$0")/certificates}"
days=365
mkdir -p "$directory"
cd "$directory"

[ -f ca.key ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days "$days" \
  -subj "/O=claims/CN=claims development authority" -addext "basicConstraints=critical,CA:TRUE" \
  -addext "keyUsage=critical,keyCertSign,cRLSign" -keyout ca.key -out ca.crt 2>/dev/null

# Each says who its holder is by its URI. Hospital and clinic are callers from outside, with the facility codes HW1 and HW3; operations
# is who runs the system.
for uri in service/adjudication service/eligibility service/ledger service/gateway facility/HW1 clinic/HW3 role/operations; do
  name="${uri#*/}"
  case "$uri" in facility/*) name=hospital ;; clinic/*) name=clinic ;; esac
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc \
    -subj "/O=claims/CN=$name" -keyout "$name.key" -out "$name.csr" 2>/dev/null
  openssl x509 -req -in "$name.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days "$days" -out "$name.crt" -extfile <(
    printf 'subjectAltName=DNS:%s,DNS:localhost,IP:127.0.0.1,URI:claims://%s\nextendedKeyUsage=serverAuth,clientAuth\nkeyUsage=critical,digitalSignature\nbasicConstraints=critical,CA:FALSE\n' "$name" "$uri"
  ) 2>/dev/null
  rm "$name.csr"
  # The containers run as a user of their own, who must be able to read it.
  chmod 644 "$name.key"
done
# By which the ledger knows Adjudication's messages.
[ -f kafka.key ] || openssl rand -hex 32 > kafka.key
chmod 644 kafka.key
echo "Certificates are in $PWD"
