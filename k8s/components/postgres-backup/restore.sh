#!/bin/sh
# Replaces the read models by the newest dump in $BACKUPS (or by $DUMP). Before, scale the projector to 0; after, scale
# it back to the number of partitions: it continues where the dump ends.
set -eu
umask 077
printf '*:*:*:*:%s\n' "$(cat "$PASSWORD_FILE")" >"$PGPASSFILE"
# shellcheck disable=SC2012 # backup.sh sets the names
dump=${DUMP:-$(ls -1 "$BACKUPS"/tapedeck-*.dump | sort -r | head -n 1)}
[ -s "$dump" ] || { echo "no dump in $BACKUPS" >&2; exit 1; }
psql -v ON_ERROR_STOP=1 -q -c 'DROP SCHEMA IF EXISTS tapedeck CASCADE'
pg_restore --no-owner --single-transaction --exit-on-error --dbname="$PGDATABASE" "$dump"
echo "restored $dump"
