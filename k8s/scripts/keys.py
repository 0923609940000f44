"""Creates the same files as `tapedeck keys --out DIR`, with openssl only: for machines without the binary.

keys.py DIR ROLE...  Format of nkeys: https://github.com/nats-io/nkeys (base32 of prefix, key, CRC-16/XMODEM).
"""

import base64
import binascii
import os
import pathlib
import secrets
import subprocess
import sys

SEED, USER = 18 << 3, 20 << 3


def encode(raw: bytes) -> str:
    return base64.b32encode(raw + binascii.crc_hqx(raw, 0).to_bytes(2, "little")).decode().rstrip("=")


def decode_seed(text: str) -> bytes:
    return base64.b32decode(text + "=" * (-len(text) % 8))[2:34]


def openssl(*arguments: str, given: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *arguments], input=given, check=True, stdout=subprocess.PIPE).stdout


def public(seed: bytes) -> str:
    private = bytes.fromhex("302e020100300506032b657004220420") + seed  # PKCS#8 of Ed25519
    return encode(bytes([USER]) + openssl("pkey", "-inform", "DER", "-pubout", "-outform", "DER", given=private)[-32:])


def write(path: pathlib.Path, text: str, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)


out, roles = pathlib.Path(sys.argv[1]), sys.argv[2:]
out.mkdir(parents=True, exist_ok=True)
users = "# The public nkeys of the roles and publishers, as variables of the accounts.\n"
for role in roles:
    path = out / f"{role}.seed"
    if not path.exists():
        seed = openssl("genpkey", "-algorithm", "ed25519", "-outform", "DER")[-32:]
        write(path, encode(bytes([SEED | USER >> 5, (USER & 31) << 3]) + seed), 0o400)
    users += f'NKEY_{role.upper().replace("-", "_")}: "{public(decode_seed(path.read_text().strip()))}"\n'
for user in ("admin", "tapedeck"):
    path = out / f"postgres-{user}.password"
    if not path.exists():
        write(path, secrets.token_hex(16), 0o400)
(out / "users.conf").write_text(users)
