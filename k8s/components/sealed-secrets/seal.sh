#!/usr/bin/env bash
# Seals the generated secrets for one cluster: CERTIFICATE is what `kubeseal --fetch-cert` prints of it. Writes
# sealed.yaml beside this, which may be committed; the files that it is made of may not.
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
