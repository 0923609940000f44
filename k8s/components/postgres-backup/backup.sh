#!/bin/sh
# Dumps the database into $BACKUPS; keeps the newest seven. A dump that was cut short never has the final name.
set -eu
umask 077
printf '*:*:*:*:%s\n' "$(cat "$PASSWORD_FILE")" >"$PGPASSFILE"
name=$BACKUPS/tapedeck-$(date -u +%Y%m%dT%H%M%SZ).dump
pg_dump --format=custom --no-owner --file="$name.part"
pg_restore --list "$name.part" >/dev/null # it can be read
mv "$name.part" "$name"
echo "dumped $(wc -c <"$name") bytes to $name"
# shellcheck disable=SC2012 # the names are made above
ls -1 "$BACKUPS"/tapedeck-*.dump | sort -r | tail -n +8 | while IFS= read -r old; do rm -- "$old"; done
