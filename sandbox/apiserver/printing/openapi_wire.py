"""OpenAPI v2 in protobuf (gnostic's openapi.v2.Document): kubectl asks for it about unknown kinds."""

from typing import Any

import msgspec

from sandbox.apiserver.machinery.jsonobject import Obj

MEDIA_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
ASKED_AS = (MEDIA_TYPE, "application/com.github.proto-openapi.spec.v2@v1.0+protobuf")
"""Clients ask with an "@", which is no media type: the answer has the other form."""
_METHODS = {"get": 2, "put": 3, "post": 4, "delete": 5, "patch": 8}


def encode(document: Obj) -> bytes:
    """The bytes of a document as OpenAPI.v2 makes it."""
    info = document["info"]
    paths = b"".join(_message(2, _named(k, _path_item(v))) for k, v in document["paths"].items())
    definitions = b"".join(_message(1, _named(k, _schema(v))) for k, v in document["definitions"].items())
    return (
        _text(1, document["swagger"])
        + _message(2, _text(1, info["title"]) + _text(2, info["version"]))
        + _message(8, paths)
        + _message(9, definitions)
    )


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _message(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _text(number: int, value: str) -> bytes:
    return _message(number, value.encode()) if value else b""


def _flag(number: int, value: bool) -> bytes:
    return _varint(number << 3) + b"\x01" if value else b""


def _named(name: str, data: bytes) -> bytes:
    return _text(1, name) + _message(2, data)


def _any(value: Any) -> bytes:
    # JSON is YAML.
    return _message(2, msgspec.json.encode(value))


def _extensions(number: int, obj: Obj) -> bytes:
    return b"".join(_message(number, _named(k, _any(v))) for k, v in obj.items() if k.startswith("x-"))


def _path_item(item: Obj) -> bytes:
    methods = [_message(number, _operation(item[word])) for word, number in _METHODS.items() if word in item]
    return b"".join(methods) + b"".join(_message(9, _parameter(p)) for p in item["parameters"])


def _operation(operation: Obj) -> bytes:
    out = _text(3, operation["description"]) + _text(5, operation["operationId"])
    out += b"".join(_text(6, media) for media in operation["produces"])
    out += b"".join(_text(7, media) for media in operation["consumes"])
    out += b"".join(_message(8, _parameter(p)) for p in operation["parameters"])
    for code, response in operation["responses"].items():
        body = _text(1, response["description"]) + _message(2, _message(1, _schema(response["schema"])))
        out += _message(9, _message(1, _named(code, _message(1, body))))
    return out + b"".join(_text(10, word) for word in operation["schemes"]) + _extensions(13, operation)


def _parameter(parameter: Obj) -> bytes:
    where, name, text = parameter["in"], parameter["name"], parameter.get("description", "")
    if where == "body":
        body = _text(2, name) + _text(3, where) + _message(5, _schema(parameter["schema"]))
        return _message(1, _message(1, body))
    out = _flag(1, where == "path") + _text(2, where) + _text(3, text) + _text(4, name)
    out += _text(5 if where == "path" else 6, parameter["type"])
    return _message(1, _message(2, _message(4 if where == "path" else 3, out)))


def _schema(schema: Any) -> bytes:
    if not isinstance(schema, dict):
        return b""
    out = _text(1, schema.get("$ref", "")) + _text(2, schema.get("format", ""))
    out += _text(4, schema.get("description", ""))
    if "default" in schema:
        out += _message(5, _any(schema["default"]))
    out += b"".join(_text(19, name) for name in schema.get("required", ()))
    out += b"".join(_message(20, _any(value)) for value in schema.get("enum", ()))
    more = schema.get("additionalProperties")
    if isinstance(more, dict):
        out += _message(21, _message(1, _schema(more)))
    elif more is True:
        out += _message(21, _flag(2, True))
    if kind := schema.get("type"):
        out += _message(22, _text(1, kind))
    if items := schema.get("items"):
        out += _message(23, _message(1, _schema(items)))
    if properties := schema.get("properties"):
        named = (_message(1, _named(k, _schema(v))) for k, v in properties.items())
        out += _message(25, b"".join(named))
    return out + _extensions(31, schema)
