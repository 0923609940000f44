#!/bin/sh
# Dumps the database to $BACKUPS and keeps the newest seven dumps. An incomplete dump never gets the final name.
set -eu
umask 077
printf '*:*:*:*:%s\n' "$(cat "$PASSWORD_FILE")" >"$PGPASSFILE"
name=$BACKUPS/tapedeck-$(date -u +%Y%m%dT%H%M%SZ).dump
pg_dump --format=custom --no-owner --file="$name.part"
pg_restore --list "$name.part" >/dev/null # readable
mv "$name.part" "$name"
echo "dumped $(wc -c <"$name") bytes to $name"
# shellcheck disable=SC2012 # the names are set above
ls -1 "$BACKUPS"/tapedeck-*.dump | sort -r | tail -n +8 | while IFS= read -r old; do rm -- "$old"; done
