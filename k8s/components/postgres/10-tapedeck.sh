#!/bin/sh
# Makes the projector's user and database when the server is new. The password is bound, not spliced into the statement.
set -eu
psql -v ON_ERROR_STOP=1 -U postgres -v password="$(cat /var/run/secrets/postgres/tapedeck/password)" <<'SQL'
CREATE ROLE tapedeck LOGIN PASSWORD :'password';
CREATE DATABASE tapedeck OWNER tapedeck;
SQL
