#!/usr/bin/env python3
"""Reads a tape as a plain JetStream consumer and prints what the market did on it, per instrument, as JSON.

    pip install nats-py msgpack
    python3 read_tape.py --partition 0

A tape is the stream TAPE_<partition>; a message of it is a record: the MessagePack array
`[format, writer, epoch, prev_hash, events]`, and an event is
`[cause_seq, cause_index, index, at, kind, version, body]`, where the body is an array of the kind's fields in order.
Prices and quantities count 1e-9; beyond 64 bits a number is 16 big-endian bytes (two's complement). Everything here
is whole numbers: the sums are exact. (prev_hash is the BLAKE3 of the writer's record before; it is not checked here.)
"""

import argparse
import asyncio
import json
import sys

import msgpack
import nats
from nats.js.api import AckPolicy, ConsumerConfig

FORMAT = 1
INGEST = 2  # the writer of market facts
QUOTE, TRADE = 21, 22  # kinds, both in version 1
UNIT_DECIMALS = 9  # of a price and of a quantity; of their product twice as many


def number(wire):
    """A count of the number's unit."""
    return int.from_bytes(wire, "big", signed=True) if isinstance(wire, bytes) else wire


def decimal(units, decimals):
    """A count of 10^-decimals as text, without trailing zeros; None stays None."""
    if units is None:
        return None
    whole, fraction = divmod(abs(units), 10**decimals)
    text = f"{whole}.{fraction:0{decimals}}".rstrip("0").rstrip(".")
    return f"-{text}" if units < 0 else text


class Totals:
    """What one instrument did."""

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
        prices = {name: decimal(getattr(self, name), UNIT_DECIMALS) for name in ("first", "last", "bid", "ask")}
        sums = {"quantity": decimal(self.quantity, UNIT_DECIMALS), "notional": decimal(self.notional, 2 * UNIT_DECIMALS)}
        return {"quotes": self.quotes, "trades": self.trades} | sums | prices


def market_facts(record):
    """(kind, body) of a record's quotes and trades."""
    format, writer, _epoch, _prev_hash, events = record
    if format != FORMAT:
        sys.exit(f"a record of format {format}: this reads format {FORMAT}; get a newer reader")
    if writer != INGEST:
        return
    for _cause_seq, _cause_index, _index, _at, kind, version, body in events:
        if kind in (QUOTE, TRADE):
            if version != 1:
                sys.exit(f"an event of kind {kind} in version {version}: this reads version 1; get a newer reader")
            yield kind, body


async def main(args):
    stream = f"TAPE_{args.partition}"
    nc = await nats.connect(args.server)
    js = nc.jetstream()
    state = (await js.stream_info(stream)).state
    # Every record, in order, not acknowledged; only so is it seen that none was missed.
    config = ConsumerConfig(ack_policy=AckPolicy.NONE, inactive_threshold=60, mem_storage=True)
    tape = await js.pull_subscribe(f"tape.{args.partition}.*", stream=stream, config=config)
    totals, expected, void = {}, state.first_seq, 0
    while expected <= state.last_seq:
        for message in await tape.fetch(min(128, state.last_seq - expected + 1), timeout=10):
            seq = message.metadata.sequence.stream
            if seq != expected:
                sys.exit(f"sequence {seq} came where {expected} was due: run it again")
            expected += 1
            if not message.subject.endswith(".ingest"):
                continue
            try:
                record = msgpack.unpackb(message.data)
            except ValueError as error:
                void += 1
                print(f"record {seq} is void, as it is for every reader: {error}", file=sys.stderr)
                continue
            for kind, (instrument, *fields) in market_facts(record):
                of_it = totals.setdefault(instrument, Totals())
                (of_it.quote if kind == QUOTE else of_it.trade)(*fields)
    await nc.close()
    instruments = {name: totals[name].as_json() for name in sorted(totals)}
    read = {"first": state.first_seq, "last": state.last_seq, "void": void}
    print(json.dumps({"tape": stream} | read | {"instruments": instruments}, indent=2))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default="nats://127.0.0.1:4222")
    parser.add_argument("--partition", type=int, default=0)
    asyncio.run(main(parser.parse_args()))
