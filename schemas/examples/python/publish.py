#!/usr/bin/env python3
"""Publishes Binance captures: lines `<receive ns> <raw JSON>` of a combined stream, .gz or not.

    pip install nats-py msgpack
    python3 publish.py btcusdt.jsonl.gz ethusdt.jsonl.gz
    python3 publish.py --session 18f3a --resume btcusdt.jsonl.gz ethusdt.jsonl.gz    # resumes after a crash

A bookTicker becomes a quote, and a trade a trade; other messages are skipped. Files are merged by receive time.
Prices and quantities are sent as the text of the capture, and never converted to a float.
"""

import argparse
import asyncio
import gzip
import heapq
import json
import sys
import time

import msgpack
import nats
from nats.js.errors import APIError, NoStreamResponseError

VENUE = "binance"
MESSAGE_BYTES_MAX = 256 * 1024
DEFINITIONS = ["BTCUSDT:BTC:USDT:0.01:0.00001:5", "ETHUSDT:ETH:USDT:0.01:0.0001:5"]


def definition(text):
    symbol, base, quote, tick, lot, min_notional = text.rsplit(":", 5)
    terms = {"base": base, "quote": quote, "tick_size": tick, "lot_size": lot, "min_notional": min_notional}
    return symbol, {"kind": "definition", **terms}


def subject_token(symbol):
    """Returns a symbol as one token of a subject, escaped as docs/publishing.md says: BRK.B is BRK%2EB."""
    return "".join(chr(b) if 0x20 < b < 0x7F and b not in b".*>%" else f"%{b:02X}" for b in symbol.encode())


def event(message):
    """Returns the symbol and the fields of a quote or a trade; None for any other message."""
    data = message.get("data", {})
    stream = message.get("stream", "")
    if stream.endswith("@bookTicker"):
        fields = {"kind": "quote", "bid": data["b"], "bid_size": data["B"], "ask": data["a"], "ask_size": data["A"]}
        return data["s"], fields | {"update_id": data["u"]}
    if stream.endswith("@trade"):
        # m: the buyer was the maker, which means that the seller crossed the spread.
        fields = {"kind": "trade", "price": data["p"], "quantity": data["q"], "trade_id": data["t"]}
        return data["s"], fields | {"aggressor": "seller" if data["m"] else "buyer", "ts_event": data["T"] * 1_000_000}
    return None


def read(path):
    """Yields (merge key ns, receive time ns, symbol, fields) of the events of a file, in the order of its lines."""
    reached = 0  # keeps the lines of a file in order even if its clock steps back
    with gzip.open(path, "rt") if path.endswith(".gz") else open(path) as lines:
        for line in lines:
            received, raw = line.split(" ", 1)
            reached = max(reached, int(received))
            if found := event(json.loads(raw)):
                yield reached, int(received), *found


class Publisher:
    """Numbers the events of each instrument, and keeps one message per instrument in flight."""

    def __init__(self, js, args, known):
        self.js, self.source, self.session, self.array = js, args.source, args.session, args.array
        # Times are text in JSON: some of its readers round a number of this size.
        self.time = str if args.json else int
        self.encode = (lambda maps: json.dumps(maps).encode()) if args.json else msgpack.packb
        self.known = known  # the numbers of the session that are decided, by instrument
        self.numbered, self.pending, self.in_flight = {}, {}, None
        self.sent = 0

    async def add(self, symbol, ts_recv, fields):
        seq = self.numbered[symbol] = self.numbered.get(symbol, 0) + 1
        decided = self.known.get(f"{VENUE}.{symbol}", {"last_seq": 0, "missing": []})
        if seq <= decided["last_seq"] and not any(first <= seq <= end for first, end in decided["missing"]):
            return
        numbered = {"source": self.source, "session": self.session, "seq": seq, "ts_recv": self.time(ts_recv)}
        batch = self.pending.setdefault(symbol, [])
        if "ts_event" in fields:
            fields = fields | {"ts_event": self.time(fields["ts_event"])}
        batch.append(numbered | fields)
        if len(batch) == self.array:
            await self.flush()

    async def flush(self):
        """Waits until the previous messages are stored, then sends the pending events of every instrument."""
        if self.in_flight:
            await self.in_flight
        batches, self.pending = self.pending, {}
        self.in_flight = asyncio.gather(*(self.send(symbol, batch) for symbol, batch in batches.items()))
        await asyncio.sleep(0)  # starts the tasks

    async def send(self, symbol, batch):
        payload = self.encode(batch)
        if len(payload) > MESSAGE_BYTES_MAX and len(batch) > 1:
            half = len(batch) // 2
            await self.send(symbol, batch[:half])
            return await self.send(symbol, batch[half:])
        token = subject_token(symbol)
        subject = f"md.{VENUE}.{token}.batch"
        while True:  # retries the same bytes until they are stored
            try:
                await self.js.publish(subject, payload, timeout=5)
                self.sent += len(batch)
                return
            except NoStreamResponseError:
                problem = "no stream has this subject"
            except APIError as error:
                if error.code and error.code < 500:
                    raise  # a retry would fail too
                problem = error
            except (nats.errors.Error, asyncio.TimeoutError) as error:
                problem = error or "no ack within 5 s"
            print(f"{subject}: not stored: {problem}; retrying", file=sys.stderr)
            await asyncio.sleep(0.5)


# recipe: resume
async def resume(nc, source, session):
    """Returns the numbers of each instrument of the session, once everything that is stored is decided."""
    known, request = {}, {"session": session}
    while True:
        reply = await nc.request(f"md-status.{source}", json.dumps(request).encode(), timeout=10)
        status = json.loads(reply.data)
        if status["waiting"] or status["missing"]:
            await asyncio.sleep(0.2)
            continue
        known |= {one["instrument"]: one for one in status["sessions"]}
        if status["next"] is None:
            return known
        request["after"] = status["next"]
# end of recipe


async def main(args):
    defined = dict(map(definition, DEFINITIONS + args.define))
    nc = await nats.connect(args.server, max_reconnect_attempts=-1)
    known = await resume(nc, args.source, args.session) if args.resume else {}
    publisher = Publisher(nc.jetstream(), args, known)
    missing = sum(end - first + 1 for one in known.values() for first, end in one["missing"])
    skipped = sum(one["last_seq"] for one in known.values()) - missing
    print(f"session {args.session}: {skipped} events skipped (already stored)", file=sys.stderr)
    begun = time.monotonic()
    for _, ts_recv, symbol, fields in heapq.merge(*map(read, args.captures), key=lambda event: event[0]):
        if symbol not in publisher.numbered:
            if symbol not in defined:
                sys.exit(f"{symbol} has no definition: add --define {symbol}:BASE:QUOTE:TICK:LOT:MIN_NOTIONAL")
            await publisher.add(symbol, ts_recv, defined[symbol])
        await publisher.add(symbol, ts_recv, fields)
    await publisher.flush()
    await publisher.in_flight
    seconds = time.monotonic() - begun
    await nc.close()
    print(f"{publisher.sent} events of {len(publisher.numbered)} instruments in {seconds:.3f} s, including reading: "
          f"{publisher.sent / seconds:.0f} events/s")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captures", nargs="+", metavar="FILE")
    parser.add_argument("--server", default="nats://127.0.0.1:4222")
    parser.add_argument("--source", default="python")
    parser.add_argument("--session", help="session of the source (default: a new one)")
    parser.add_argument("--resume", action="store_true", help="skip the events of --session that are decided")
    parser.add_argument("--array", type=int, default=256, choices=range(1, 1025), metavar="N", help="events per message")
    parser.add_argument("--json", action="store_true", help="JSON instead of MessagePack")
    parser.add_argument("--define", action="append", default=[], metavar="SYMBOL:BASE:QUOTE:TICK:LOT:MIN_NOTIONAL")
    args = parser.parse_args()
    if args.resume and not args.session:
        parser.error("--resume needs --session: give the one that the first start printed")
    args.session = args.session or f"{time.time_ns():x}"
    return args


if __name__ == "__main__":
    asyncio.run(main(arguments()))
