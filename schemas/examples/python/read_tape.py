#!/usr/bin/env python3
"""Reads a tape with a plain JetStream consumer and prints totals of quotes and trades per instrument, as JSON.

    pip install nats-py msgpack blake3
    python3 read_tape.py --partition 0

The script decodes each record by the document of the tape (tape.py beside it), checks that it continues its writer's
chain, and stops at a record that the document does not describe. The sums are exact.
"""

import argparse
import asyncio
import json
import sys
from decimal import Decimal, getcontext
from pathlib import Path

import nats
from nats.js.api import AckPolicy, ConsumerConfig

from tape import Chains, NotUnderstood, Reader

DOCUMENT = Path(__file__).parent / "../../docs/tape.json"  # as printed by `tapedeck schema tape`
getcontext().prec = 60  # enough digits for every sum


def decimal(number):
    """Formats a number without trailing zeros; None for None."""
    return None if number is None else format(number.normalize(), "f") if number else "0"


class Totals:
    """Totals of one instrument."""

    def __init__(self):
        self.quotes = self.trades = 0
        self.quantity = self.notional = Decimal(0)
        self.first = self.last = self.bid = self.ask = None

    def take(self, kind, body):
        if kind == "Quote":
            self.quotes += 1
            self.bid, self.ask = (body[side] and Decimal(body[side]) for side in ("bid", "ask"))
        else:
            price, quantity = Decimal(body["price"]), Decimal(body["quantity"])
            self.trades += 1
            self.quantity += quantity
            self.notional += price * quantity
            self.first = price if self.first is None else self.first
            self.last = price

    def as_json(self):
        names = ("quantity", "notional", "first", "last", "bid", "ask")
        return {"quotes": self.quotes, "trades": self.trades} | {name: decimal(getattr(self, name)) for name in names}


async def main(args):
    stream = f"TAPE_{args.partition}_G{args.generation}"
    nc = await nats.connect(args.server)
    js = nc.jetstream()
    state = (await js.stream_info(stream)).state
    # Reads every subject in order, so that a missing sequence is noticed. Records are not acknowledged.
    config = ConsumerConfig(ack_policy=AckPolicy.NONE, inactive_threshold=60, mem_storage=True)
    tape = await js.pull_subscribe(f"tape.{args.partition}.g{args.generation}.*", stream=stream, config=config)
    if state.first_seq != 1:
        sys.exit(f"the stream begins at sequence {state.first_seq}: the records that begin the chains are gone")
    chains = Chains(Reader(json.loads(args.document.read_text(encoding="utf-8"))))
    totals, expected, invalid = {}, state.first_seq, 0
    while expected <= state.last_seq:
        for message in await tape.fetch(min(128, state.last_seq - expected + 1), timeout=10):
            seq = message.metadata.sequence.stream
            if seq != expected:
                sys.exit(f"received sequence {seq}, expected {expected}: run the script again")
            expected += 1
            record = chains.read(seq, message.subject, message.data)
            if record is None:
                invalid += 1
                print(f"skipped invalid record {seq}", file=sys.stderr)
                continue
            for event in record["events"]:
                if event["kind"] in ("Quote", "Trade"):
                    totals.setdefault(event["body"]["instrument"], Totals()).take(event["kind"], event["body"])
    await nc.close()
    instruments = {name: totals[name].as_json() for name in sorted(totals)}
    read = {"first": state.first_seq, "last": state.last_seq, "invalid": invalid}
    print(json.dumps({"tape": stream} | read | {"instruments": instruments}, indent=2))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default="nats://127.0.0.1:4222")
    parser.add_argument("--partition", type=int, default=0)
    parser.add_argument("--generation", type=int, default=1)
    parser.add_argument("--document", type=Path, default=DOCUMENT)
    try:
        asyncio.run(main(parser.parse_args()))
    except NotUnderstood as error:
        sys.exit(f"{error}; use the tape document of a newer build")
