#!/usr/bin/env bash
# Encrypts the generated secrets for one cluster. CERTIFICATE is the output of `kubeseal --fetch-cert` for that cluster.
# Writes sealed.yaml to this folder. Commit sealed.yaml, never the generated secrets.
set -euo pipefail
cd "$(dirname -- "${BASH_SOURCE[0]}")"
certificate=${1:?usage: seal.sh CERTIFICATE}
from=../secrets-generated/generated
[[ -s ../../scripts/roles.txt ]] || { echo "seal.sh: there is no ../../scripts/roles.txt" >&2; exit 1; }
command -v kubeseal >/dev/null || { echo "seal.sh: kubeseal is missing" >&2; exit 1; }
# A line a Secret: its name and namespace, the key in it, the file of that key.
secrets() {
    awk '!/^#/ { print "nkey-" $1, "tapedeck", "seed", $1 ".seed" }' ../../scripts/roles.txt
    echo postgres-tapedeck tapedeck password postgres-tapedeck.password
    echo postgres-tapedeck tapedeck-data password postgres-tapedeck.password
    echo postgres-admin tapedeck-data password postgres-admin.password
    echo nats-users tapedeck-data users.conf users.conf
}
: >sealed.yaml
while read -r name namespace key file; do
    kubectl create secret generic "$name" --namespace "$namespace" --from-file "$key=$from/$file" --dry-run=client \
        --output yaml | kubeseal --cert "$certificate" --scope strict --format yaml >>sealed.yaml
    echo --- >>sealed.yaml
done < <(secrets)
