#!/bin/sh
# Publishes from a terminal with the nats CLI (https://github.com/nats-io/natscli), in JSON.
#
#   ./publish.sh
#   NATS_URL=nats://127.0.0.1:4222 ./publish.sh
#
# `nats req` instead of `nats pub`: JetStream answers with where it has stored the message, and that answer is what
# counts. Prices and quantities are quoted: a number with a point would be a float, which is refused. The digits of
# seq and ts_recv may be quoted or not. Each run is a new session, numbered from 1. Needs GNU date (%N).
set -eu

session=s$(date +%s%N)

# publish KIND SEQ FIELDS: one event of demo.ACME; says where it was stored, or stops.
publish() {
    head="\"source\":\"shell\",\"session\":\"$session\",\"seq\":$2,\"ts_recv\":$(date +%s%N)"
    answer=$(nats req --raw "md.demo.ACME.$1" "{$head,$3}")
    case $answer in
        *'"seq":'*) echo "$1: $answer" ;;
        *) echo "$1 was not stored: ${answer:-no answer}" >&2; exit 1 ;;
    esac
}

publish definition 1 '"base":"ACME","quote":"USD","tick_size":"0.01","lot_size":"1","min_notional":"5"'
publish quote 2 '"bid":"10.04","bid_size":"300","ask":"10.05","ask_size":"0"'
publish trade 3 '"price":"10.05","quantity":"3","aggressor":"buyer"'
publish trade 4 '"price":"10.04","quantity":"12","aggressor":"seller"'

# What has become of them: the last number taken, refusals by reason.
nats req --raw md-status.shell ''
