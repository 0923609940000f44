#!/bin/sh
# Creates the projector's user and database on a new server. psql quotes the password as a variable.
set -eu
psql -v ON_ERROR_STOP=1 -U postgres -v password="$(cat /var/run/secrets/postgres/tapedeck/password)" <<'SQL'
CREATE ROLE tapedeck LOGIN PASSWORD :'password';
CREATE DATABASE tapedeck OWNER tapedeck;
SQL
