#!/usr/bin/env bash
# Encrypts the generated secrets for one cluster. CERTIFICATE is the output of `kubeseal --fetch-cert` for that cluster.
# Writes sealed.yaml to this folder. Commit sealed.yaml, never the generated secrets.
set -euo pipefail
cd "$(dirname -- "${BASH_SOURCE[0]}")"
certificate=${1:?usage: seal.sh CERTIFICATE}
from=../secrets-generated/generated
command -v kubeseal >/dev/null || { echo "seal.sh: kubeseal is missing" >&2; exit 1; }
: >sealed.yaml
while read -r name namespace key file; do
    kubectl create secret generic "$name" --namespace "$namespace" --from-file "$key=$from/$file" --dry-run=client \
        --output yaml | kubeseal --cert "$certificate" --scope strict --format yaml >>sealed.yaml
    echo --- >>sealed.yaml
done <roles.txt
