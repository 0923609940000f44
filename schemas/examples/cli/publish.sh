#!/bin/sh
# Publishes from a terminal with the nats CLI (https://github.com/nats-io/natscli), in JSON.
#
#   ./publish.sh
#   NATS_URL=nats://127.0.0.1:4222 ./publish.sh
#   ./publish.sh s1         # resumes the session, if there is one of this name
#
# The script uses `nats req` instead of `nats pub`, because the reply is the ack of JetStream: a message without an ack
# may not be stored. A number is the decimal that it spells, quoted or not: 10, 10.0 and "10" are one price. Each run is
# a new session, numbered from 1. Needs GNU date (%N) and jq.
set -eu

session=${1:-s$(date +%s%N)}

# recipe: resume
# resume SOURCE SESSION: prints the numbers of each instrument, once everything that is stored is decided.
resume() {
    request=$(jq -nc --arg session "$2" '{$session}')
    while [ -n "$request" ]; do
        status=$(nats req --raw "md-status.$1" "$request")
        if [ "$(echo "$status" | jq '.waiting + (.missing | length)')" != 0 ]; then sleep 0.2; continue; fi
        echo "$status" | jq -c '.sessions[] | {instrument, last_seq, missing}'
        request=$(echo "$status" | jq -c --arg session "$2" 'select(.next) | {$session, after: .next}')
    done
}
# end of recipe

# publish KIND SEQ FIELDS: publishes an event of demo.ACME and prints the ack; exits if it was not stored.
publish() {
    if [ "$2" -le "$last" ]; then echo "$1: decided already"; return; fi
    head="\"source\":\"shell\",\"session\":\"$session\",\"seq\":$2,\"ts_recv\":\"$(date +%s%N)\""
    answer=$(nats req --raw "md.demo.ACME.$1" "{$head,$3}")
    case $answer in
        *'"seq":'*) echo "$1: $answer" ;;
        *) echo "$1 was not stored: ${answer:-no reply}" >&2; exit 1 ;;
    esac
}

last=$(resume shell "$session" | jq 'select(.instrument == "demo.ACME").last_seq')
last=${last:-0} # no number is missing below it: a message is sent when the one before is stored

publish definition 1 '"base":"ACME","quote":"USD","tick_size":"0.01","lot_size":"1","min_notional":"5"'
publish quote 2 '"bid":"10.04","bid_size":"300","ask":"10.05","ask_size":"0"'
publish trade 3 '"price":"10.05","quantity":3,"aggressor":"buyer"'
publish trade 4 '"price":10.04,"quantity":1.2e1,"aggressor":"seller"'

# What is decided in the session, and what became of its events.
resume shell "$session"
nats req --raw md-status.shell "{\"session\":\"$session\"}"
