"""Make wire.json.gz: python -m sandbox.apiserver.machinery.schemas.generate_wire EXECUTABLE

EXECUTABLE is a program with the types of k8s.io/api compiled in, such as kubectl: it carries the descriptors
of the generated.proto files of Kubernetes (gzipped FileDescriptorProtos). What is kept is, by OpenAPI name:
field number -> [JSON name, type, "" | "list" | "map" | "inline", message].
"""

import gzip
import json
import re
import sys
import zlib
from pathlib import Path
from typing import Any

from sandbox.apiserver.machinery import schemas
from sandbox.apiserver.machinery.protobuf import fields

_START = re.compile(rb"\x1f\x8b\x08\x00\x00\x00\x00\x00[\x00\x02\x04]\xff")
_REPEATED, _MESSAGE = 3, 11
Message = dict[str, list[Any]]


def main(path: str) -> None:
    """Read every descriptor in the executable and write what the served kinds need."""
    data = Path(path).read_bytes()
    found: dict[str, Message] = {}
    maps: dict[str, Message] = {}
    for match in _START.finditer(data):
        try:
            text = zlib.decompressobj(31).decompress(data[match.start() : match.start() + 1_000_000])
            file = list(fields(text))
        except (zlib.error, ValueError, IndexError):
            continue
        package = next((v.decode("latin1") for n, _, v in file if n == 2), "")
        if package.startswith("k8s.io."):
            for number, _, value in file:
                if number == 4:
                    _read(value, package, found, maps)
    known = schemas.definitions()
    kept: dict[str, Message] = {}
    todo = [n for n, s in known.items() if "x-kubernetes-group-version-kind" in s and n in found]
    while todo:
        name = todo.pop()
        if name in kept or name not in found:
            continue
        kept[name] = {}
        properties = known.get(name, {}).get("properties")
        # protoc spells "uid" as "uID" and the like.
        spelling = {word.lower(): word for word in properties or ()}
        for place, (proto_key, kind, shape, inner) in found[name].items():
            key = spelling.get(proto_key.lower(), proto_key)
            if inner in maps:
                value = maps[inner]["2"]
                entry = [key, kind, "map", [value[1], value[3]]]
                todo.append(value[3])
            else:
                inline = properties is not None and key not in properties and kind == _MESSAGE
                entry = [key, kind, "inline" if inline else shape, inner]
                todo.append(inner)
            kept[name][place] = entry
    target = Path(__file__).with_name("wire.json.gz")
    text_out = json.dumps(kept, sort_keys=True, separators=(",", ":"))
    target.write_bytes(gzip.compress(text_out.encode(), 9, mtime=0))
    print(f"{len(kept)} messages, {target.stat().st_size} bytes")


def _read(data: bytes, outer: str, found: dict[str, Message], maps: dict[str, Message]) -> None:
    parts = list(fields(data))
    name = f"{outer}." + next(v.decode() for n, _, v in parts if n == 1)
    message: Message = {}
    is_map = False
    for number, _, value in parts:
        if number == 2:
            field = {n: v for n, _, v in fields(value)}
            inner = field.get(6, b"").decode().lstrip(".").replace("k8s.io.", "io.k8s.", 1)
            shape = "list" if field[4] == _REPEATED else ""
            message[str(field[3])] = [field[1].decode(), field[5], shape, inner]
        elif number == 3:
            _read(value, name, found, maps)
        elif number == 7:
            is_map = any(n == 7 and v for n, _, v in fields(value))
    (maps if is_map else found)[name.replace("k8s.io.", "io.k8s.", 1)] = message


if __name__ == "__main__":
    main(sys.argv[1])
