#!/usr/bin/env python3
"""Reads a tape with a plain JetStream consumer and prints totals of quotes and trades per instrument, as JSON.

    pip install nats-py msgpack
    python3 read_tape.py --partition 0

A tape is the stream TAPE_<partition>. Each message is a record, the MessagePack array
`[format, writer, epoch, prev_hash, events]`. An event is `[cause_seq, cause_index, index, at, kind, version, body]`,
and its body is an array of the fields of the kind, in order. A price counts 1e-12, a quantity 1e-9; a number beyond
64 bits is 9 to 16 big-endian bytes (two's complement). The sums are exact, because the script computes with integers
only. It does not check prev_hash, the BLAKE3 hash of the writer's previous record.
"""

import argparse
import asyncio
import json
import sys

import msgpack
import nats
from nats.js.api import AckPolicy, ConsumerConfig

FORMAT = 1
INGEST = 2  # number of the writer of market facts
QUOTE, TRADE = 21, 22  # numbers of the kinds, both read in version 1
PRICE_DECIMALS, QUANTITY_DECIMALS = 12, 9  # of the units; the product of the two has 21


def number(wire):
    """Decodes a number of the wire to a count of its unit."""
    return int.from_bytes(wire, "big", signed=True) if isinstance(wire, bytes) else wire


def decimal(units, decimals):
    """Formats a count of 10^-decimals without trailing zeros; None for None."""
    if units is None:
        return None
    whole, fraction = divmod(abs(units), 10**decimals)
    text = f"{whole}.{fraction:0{decimals}}".rstrip("0").rstrip(".")
    return f"-{text}" if units < 0 else text


class Totals:
    """Totals of one instrument."""

    def __init__(self):
        self.quotes = self.trades = self.quantity = self.notional = 0
        self.first = self.last = self.bid = self.ask = None

    def quote(self, bid, bid_size, ask, ask_size, ts_recv, ts_event, update_id):
        self.quotes += 1
        self.bid, self.ask = number(bid), number(ask)

    def trade(self, price, quantity, aggressor, trade_id, ts_recv, ts_event):
        price, quantity = number(price), number(quantity)
        self.trades += 1
        self.quantity += quantity
        self.notional += price * quantity
        self.first = price if self.first is None else self.first
        self.last = price

    def as_json(self):
        prices = {name: decimal(getattr(self, name), PRICE_DECIMALS) for name in ("first", "last", "bid", "ask")}
        notional = decimal(self.notional, PRICE_DECIMALS + QUANTITY_DECIMALS)
        sums = {"quantity": decimal(self.quantity, QUANTITY_DECIMALS), "notional": notional}
        return {"quotes": self.quotes, "trades": self.trades} | sums | prices


def market_facts(record):
    """Yields (kind, body) of the quotes and trades of a record."""
    format, writer, _epoch, _prev_hash, events = record
    if format != FORMAT:
        sys.exit(f"record of format {format}: this script reads format {FORMAT}; use a newer version of it")
    if writer != INGEST:
        return
    for _cause_seq, _cause_index, _index, _at, kind, version, body in events:
        if kind in (QUOTE, TRADE):
            if version != 1:
                sys.exit(f"kind {kind} in version {version}: this script reads version 1; use a newer version of it")
            yield kind, body


async def main(args):
    stream = f"TAPE_{args.partition}"
    nc = await nats.connect(args.server)
    js = nc.jetstream()
    state = (await js.stream_info(stream)).state
    # Reads every subject in order, so that a missing sequence is noticed. Records are not acknowledged.
    config = ConsumerConfig(ack_policy=AckPolicy.NONE, inactive_threshold=60, mem_storage=True)
    tape = await js.pull_subscribe(f"tape.{args.partition}.*", stream=stream, config=config)
    totals, expected, invalid = {}, state.first_seq, 0
    while expected <= state.last_seq:
        for message in await tape.fetch(min(128, state.last_seq - expected + 1), timeout=10):
            seq = message.metadata.sequence.stream
            if seq != expected:
                sys.exit(f"received sequence {seq}, expected {expected}: run the script again")
            expected += 1
            if not message.subject.endswith(".ingest"):
                continue
            try:
                record = msgpack.unpackb(message.data)
            except ValueError as error:
                invalid += 1
                print(f"skipped invalid record {seq}: {error}", file=sys.stderr)
                continue
            for kind, (instrument, *fields) in market_facts(record):
                of_instrument = totals.setdefault(instrument, Totals())
                (of_instrument.quote if kind == QUOTE else of_instrument.trade)(*fields)
    await nc.close()
    instruments = {name: totals[name].as_json() for name in sorted(totals)}
    read = {"first": state.first_seq, "last": state.last_seq, "invalid": invalid}
    print(json.dumps({"tape": stream} | read | {"instruments": instruments}, indent=2))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default="nats://127.0.0.1:4222")
    parser.add_argument("--partition", type=int, default=0)
    asyncio.run(main(parser.parse_args()))
