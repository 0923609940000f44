#!/usr/bin/env python3
"""Validates JSON by JSON Schema, for the tests of the documents.

    python3 tests/check_schemas.py cases SCHEMA.json < cases.jsonl
    python3 tests/check_schemas.py asyncapi ASYNCAPI.json OFFICIAL_SCHEMA.json.gz

cases: a line [name of a definition, value] each; prints whether the value is valid, true or false a line.
asyncapi: the document is valid by the official schema, every reference in it leads somewhere, and every example is
valid by the payload's schema; prints how many of each, or what is wrong, with exit code 1. Needs jsonschema.
"""

import gzip
import json
import sys

from jsonschema import Draft7Validator, Draft202012Validator


def cases(path):
    with open(path, encoding="utf-8") as file:
        schema = json.load(file)
    Draft202012Validator.check_schema(schema)
    for line in sys.stdin:
        name, value = json.loads(line)
        assert name in schema["$defs"], name
        one = {"$schema": schema["$schema"], "$ref": f"#/$defs/{name}", "$defs": schema["$defs"]}
        print(json.dumps(Draft202012Validator(one).is_valid(value)))
    return 0


def references(value):
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for one in value.values():
            yield from references(one)
    elif isinstance(value, list):
        for one in value:
            yield from references(one)


def leads_somewhere(document, reference):
    at = document
    for part in reference.removeprefix("#/").split("/"):
        if not isinstance(at, dict) or part not in at:
            return False
        at = at[part]
    return reference.startswith("#/")


def asyncapi(path, official):
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    with gzip.open(official, "rt", encoding="utf-8") as file:
        schema = json.load(file)
    wrong = [f"{error.json_path}: {error.message[:300]}" for error in Draft7Validator(schema).iter_errors(document)]
    all_references = list(references(document))
    wrong += [f"{one} leads nowhere" for one in all_references if not leads_somewhere(document, one)]
    examples = 0
    for name, message in document["components"]["messages"].items() if not wrong else ():
        payload = {**message["payload"], "components": document["components"]}
        Draft7Validator.check_schema(payload)
        for example in message.get("examples", ()):
            examples += 1
            found = Draft7Validator(payload).iter_errors(example["payload"])
            wrong += [f"example of {name}: {error.message[:300]}" for error in found]
    print(json.dumps({"references": len(all_references), "examples": examples}))
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


def main(arguments):
    match arguments:
        case ["cases", path]:
            return cases(path)
        case ["asyncapi", path, official]:
            return asyncapi(path, official)
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
