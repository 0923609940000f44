#!/usr/bin/env python3
"""Reads records of a tape by the document that describes them (../../docs/tape.json), and by nothing else.

    tapedeck schema tape > tape.json
    python3 tape.py tape.json < records.hex

Standard input: a record a line, in hex. Standard output: the same as a line of JSON each, with every field by its
name; or {"error": ...} where the bytes are not what the document says. Needs the packages msgpack and blake3.
"""

import json
import re
import sys
from decimal import Context

import blake3
import msgpack


EXACT = Context(prec=60)  # enough digits for every number


class NotAsDescribed(Exception):
    """The bytes are not what the document says."""


class NotUnderstood(Exception):
    """A record continues its writer's chain, but the document does not describe it: a later build wrote it."""


def need(condition, what, value):
    if not condition:
        raise NotAsDescribed(f"{what}: {value!r}")


def moved(base, change):
    """A number that stands as the signed difference to another."""
    need(type(change) is int and -(1 << 63) <= change < 1 << 63, "not a difference", change)
    return (base + change) % 2**64


class Reader:
    def __init__(self, document):
        self.document = document
        self.types = document["types"]
        self.kinds = {(kind["number"], kind["version"]): kind for kind in document["kinds"]}

    def record(self, payload):
        need(len(payload) <= self.document["bounds"]["record_bytes_max"], "record too large", len(payload))
        parts = msgpack.unpackb(payload, raw=False, strict_map_key=False)
        need(msgpack.packb(parts) == payload, "not in the shortest form", payload[:8])
        *head, self.shared, events = parts
        need(len(set(self.shared)) == len(self.shared), "a shared value that stands twice", self.shared)
        self.used, self.last = 0, {}
        self.cause_seq = self.cause_index = self.index = self.at = 0
        record = self.fields(self.document["record"], head)
        need(record["format"] == self.document["format"], "format", record["format"])
        need(record["inbox"] is None or record["writer"] in self.document["inbox_writers"], "inbox", record["writer"])
        need(isinstance(self.shared, list) and isinstance(events, list), "not arrays", parts[-2:])
        need(0 < len(events) <= self.document["bounds"]["record_events_max"], "number of events", len(events))
        record["events"] = [self.event(event) for event in events]
        need(self.used == len(self.shared), "shared values that no event has", self.shared[self.used:])
        return record

    def event(self, elements):
        need(isinstance(elements, list) and elements, "not an event", elements)
        head, *rest = elements
        need(type(head) is int and head >= 0, "not a head", head)
        step, number, version = head & 3, head >> 2 & 255, (head >> 10) + 1
        kind = self.kinds.get((number, version))
        need(kind, "no such kind and version", (number, version))
        steps = [(self.cause_seq, self.cause_index, self.index + 1), (self.cause_seq + 1, 0, 0),
                 (self.cause_seq, self.cause_index + 1, 0)]
        if step == 3:
            change, cause_index, index, *rest = rest
            cause = (moved(self.cause_seq, change), self.uint(32, cause_index), self.uint(32, index))
            need(cause not in steps, "a cause that is not in its shortest form", cause)
        else:
            cause = steps[step]
            need(cause[0] < 1 << 64 and max(cause[1:]) < 1 << 32, "a cause beyond the greatest offset", cause)
        self.cause_seq, self.cause_index, self.index = cause
        change, *body = rest
        self.at = moved(self.at, change)
        # What a change refers to: the kind, and the instrument once it is read.
        self.kind, self.instrument = number, None
        return {"cause_seq": self.cause_seq, "cause_index": self.cause_index, "index": self.index, "at": self.at,
                "kind": kind["name"], "version": version, "body": self.fields(kind["fields"], body)}

    def fields(self, fields, values):
        need(isinstance(values, list) and len(values) == len(fields), f"not {len(fields)} fields", values)
        return {field["name"]: self.value(field["type"], value, field["name"])
                for field, value in zip(fields, values)}

    def value(self, type_, value, field=None):
        if isinstance(type_, str):
            named = self.types[type_]
            return getattr(self, named["wire"])(named, value)
        (form, of), = type_.items()
        if form == "optional":
            return None if value is None else self.value(of, value)
        if form in ("change", "price_change"):
            key = self.instrument if form == "price_change" else (self.kind, self.instrument, field)
            return self.changed(of, value, key)
        need(isinstance(value, list), "not an array", value)
        if form == "list":
            return [self.value(of, one) for one in value]
        need(form == "tuple" and len(value) == len(of), form, value)
        return [self.value(one_type, one) for one_type, one in zip(of, value)]

    def changed(self, type_, value, key):
        if isinstance(type_, dict):
            type_ = type_["optional"]
            if value is None:
                return None
        named, last = self.types[type_], self.last.get(key, 0)
        if named["wire"] == "venue_id":
            if isinstance(value, str):
                return self.venue_id(named, value)
            self.last[key] = moved(last, value)
            return self.last[key]
        self.last[key] = EXACT.add(last, self.number(named, value))
        return self.spelled(named, self.last[key])

    def share(self, value):
        need(type(value) is int and 0 <= value <= self.used, "not the next shared value", value)
        need(value < len(self.shared), "no such shared value", value)
        self.used = max(self.used, value + 1)
        return self.shared[value]

    def integer(self, named, value):
        need(self.uint(named["bits"], value) >= named["least"], "too small", value)
        return value

    def uint(self, bits, value):
        need(type(value) is int and 0 <= value < 1 << bits, f"not of {bits} bits", value)
        return value

    def time(self, named, value):
        return moved(self.at, value)

    def offset(self, named, value):
        need(isinstance(value, list) and len(value) == 2, "not an offset", value)
        change, index = value
        return {"seq": moved(self.cause_seq, change), "index": self.uint(32, index)}

    def text(self, named, value):
        text = self.share(value)
        self.instrument = value if self.instrument is None else self.instrument
        pattern = named.get("pattern", ".*")
        need(isinstance(text, str) and re.fullmatch(pattern, text, re.DOTALL), "not such a text", text)
        return text

    def venue_id(self, named, value):
        if isinstance(value, int):
            return self.uint(64, value)
        need(isinstance(value, str) and re.fullmatch(named["pattern"], value), "not an id", value)
        need(not re.fullmatch("0|[1-9][0-9]*", value) or int(value) >= 1 << 64, "a number as text", value)
        return value

    def id(self, named, value):
        return self.bytes({"length": 16}, self.share(value))

    def decimal(self, named, value):
        return self.spelled(named, self.number(named, value))

    def number(self, named, value):
        if isinstance(value, bytes):
            wide, value = value, int.from_bytes(value, "big", signed=True)
            need(len(wide) == (value if value >= 0 else ~value).bit_length() // 8 + 1, "not the fewest bytes", wide)
            need(not -(1 << 63) <= value < 1 << 63, "should be an integer", value)
        else:
            need(type(value) is int and -(1 << 63) <= value < 1 << 63, "not a number", value)
        mantissa, decimals = value >> 5, value & 31
        need(decimals <= named["decimals"], "too many decimals", decimals)
        need(decimals == 0 or mantissa % 10, "trailing zeros", mantissa)
        return EXACT.scaleb(mantissa, -decimals)

    def spelled(self, named, number):
        units_max = EXACT.scaleb(int(named["units_max"]), -named["decimals"])
        need(abs(number) <= units_max, "not a number in range", number)
        return format(EXACT.normalize(number), "f") if number else "0"

    def bytes(self, named, value):
        need(isinstance(value, bytes) and len(value) == named["length"], f"not {named['length']} bytes", value)
        return value.hex()

    def name(self, named, value):
        names = [one["name"] for one in named["values"] if type(value) is int and one["number"] == value]
        need(len(names) == 1, "no such name", value)
        return names[0]

    def array(self, named, value):
        return self.fields(named["fields"], value)

    def variants(self, named, value):
        need(isinstance(value, list) and value, "not an array of a number and fields", value)
        number, *fields = value
        found = [one for one in named["variants"] if type(number) is int and one["number"] == number]
        need(len(found) == 1, "no such variant", value)
        return {"code": found[0]["code"], **self.fields(found[0]["fields"], fields)}

    def choice(self, named, value):
        variants = {one["name"]: one["type"] for one in named["variants"]}
        if isinstance(value, str):
            need(value in variants and variants[value] is None, "no such variant", value)
            return value
        need(isinstance(value, dict) and len(value) == 1, "not a map of one", value)
        (name, inner), = value.items()
        need(variants.get(name) is not None, "no such variant", value)
        return {name: self.value(variants[name], inner)}


def outer_header(payload):
    """Reads the first four elements, which are the same in every format; None if the bytes do not begin with them."""
    unpacker, packer = msgpack.Unpacker(), msgpack.Packer()
    unpacker.feed(payload[:80])
    try:
        count = unpacker.read_array_header()
        header = [unpacker.unpack() for _ in range(4)]
    except (ValueError, msgpack.OutOfData):
        return None
    *numbers, prev_hash = header
    if count < 4 or any(type(number) is not int or number < 0 for number in numbers):
        return None
    if type(prev_hash) is not bytes or len(prev_hash) != 32:
        return None
    shortest = packer.pack_array_header(count) + b"".join(map(packer.pack, header))
    return header if payload.startswith(shortest) else None


class Chains:
    """Tells records from other messages: a record carries the hash of its writer's previous record."""

    def __init__(self, reader):
        self.reader = reader
        self.writers = {one["name"]: one["number"] for one in reader.types["Writer"]["values"]}
        self.last = {}

    def read(self, seq, subject, payload):
        """Returns a record; None if the message does not continue the chain of its subject, and is to be skipped."""
        name = subject.rsplit(".", 1)[-1]
        header = outer_header(payload)
        if header is None:
            return None
        _format, writer, epoch, prev_hash = header
        last_hash, last_epoch = self.last.get(name, (bytes(32), 0))
        if prev_hash != last_hash or self.writers.get(name, writer) != writer:
            return None
        try:
            need(name in self.writers, "writer", name)
            record = self.reader.record(payload)
            need(epoch > 0 and epoch - last_epoch in (0, 1), f"epoch after {last_epoch}", epoch)
        except (NotAsDescribed, ValueError, TypeError, KeyError) as error:
            raise NotUnderstood(f"sequence {seq}: a record of {name} is not understood: {error}") from error
        self.last[name] = (blake3.blake3(payload).digest(), epoch)
        return record


def main(arguments):
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    with open(arguments[0], encoding="utf-8") as file:
        reader = Reader(json.load(file))
    for line in sys.stdin:
        try:
            read = reader.record(bytes.fromhex(line))
        except (NotAsDescribed, ValueError, TypeError, KeyError) as error:
            read = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(read))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
