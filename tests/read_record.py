#!/usr/bin/env python3
"""Reads records of a tape by nothing but the document that describes them.

    tapedeck schema tape > tape.json
    python3 tests/read_record.py tape.json < records.hex

Standard input: a record a line, in hex. Standard output: the same as a line of JSON each, with every field by its
name; or {"error": ...} where the bytes are not what the document says. Needs the package msgpack.
"""

import json
import re
import sys
from decimal import Decimal, localcontext

import msgpack


class NotAsDescribed(Exception):
    """The bytes are not what the document says."""


def need(condition, what, value):
    if not condition:
        raise NotAsDescribed(f"{what}: {value!r}")


class Reader:
    def __init__(self, document):
        self.document = document
        self.types = document["types"]
        self.kinds = {(kind["number"], kind["version"]): kind for kind in document["kinds"]}

    def record(self, payload):
        need(len(payload) <= self.document["bounds"]["record_bytes_max"], "record too large", len(payload))
        parts = msgpack.unpackb(payload, raw=False, strict_map_key=False)
        *head, events = parts
        record = self.fields(self.document["record"], head)
        need(record["format"] == self.document["format"], "format", record["format"])
        record["events"] = [self.event(event) for event in events]
        return record

    def event(self, parts):
        *head, body = parts
        event = self.fields(self.document["event"], head)
        kind = self.kinds.get((event["kind"], event["version"]))
        need(kind, "no such kind and version", head)
        return {**event, "kind": kind["name"], "body": self.fields(kind["fields"], body)}

    def fields(self, fields, values):
        need(isinstance(values, list) and len(values) == len(fields), f"not {len(fields)} fields", values)
        return {field["name"]: self.value(field["type"], value) for field, value in zip(fields, values)}

    def value(self, type_, value):
        if isinstance(type_, str):
            named = self.types[type_]
            return getattr(self, named["wire"])(named, value)
        (form, of), = type_.items()
        if form == "optional":
            return None if value is None else self.value(of, value)
        need(isinstance(value, list), "not an array", value)
        if form == "list":
            return [self.value(of, one) for one in value]
        need(form == "tuple" and len(value) == len(of), form, value)
        return [self.value(one_type, one) for one_type, one in zip(of, value)]

    def integer(self, named, value):
        need(type(value) is int and 0 <= value < 1 << named["bits"], f"not of {named['bits']} bits", value)
        return value

    def text(self, named, value):
        need(isinstance(value, str) and re.search(named.get("pattern", ""), value), "not such a text", value)
        return value

    def decimal(self, named, value):
        if isinstance(value, bytes):
            wide, value = value, int.from_bytes(value, "big", signed=True)
            need(len(wide) == (value if value >= 0 else ~value).bit_length() // 8 + 1, "not the fewest bytes", wide)
            need(not -(1 << 63) <= value < 1 << 63, "should be an integer", value)
        need(type(value) is int and abs(value) <= int(named["units_max"]), "not a number in range", value)
        with localcontext() as context:
            context.prec = 60
            number = Decimal(value).scaleb(-named["decimals"])
            return format(number.normalize(), "f") if value else "0"

    def bytes(self, named, value):
        need(isinstance(value, bytes) and len(value) == named["length"], f"not {named['length']} bytes", value)
        return value.hex()

    def name(self, named, value):
        names = [one["name"] for one in named["values"] if type(value) is int and one["number"] == value]
        need(len(names) == 1, "no such name", value)
        return names[0]

    def array(self, named, value):
        return self.fields(named["fields"], value)

    def choice(self, named, value):
        variants = {one["name"]: one["type"] for one in named["variants"]}
        if isinstance(value, str):
            need(value in variants and variants[value] is None, "no such variant", value)
            return value
        need(isinstance(value, dict) and len(value) == 1, "not a map of one", value)
        (name, inner), = value.items()
        need(variants.get(name) is not None, "no such variant", value)
        return {name: self.value(variants[name], inner)}


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
