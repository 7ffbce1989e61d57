"""What Go's decoder says of a body that is not the JSON that was wanted (encoding/json/scanner.go)."""

import json
from typing import Any

_END = "unexpected end of JSON input"
_META = (
    'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
)
_VALUE = "looking for beginning of value"
_WORDS = {
    "Expecting property name enclosed in double quotes": "looking for beginning of object key string",
    "Illegal trailing comma before end of object": "looking for beginning of object key string",
    "Illegal trailing comma before end of array": "looking for beginning of value",
    "Expecting ':' delimiter": "after object key",
    "Extra data": "after top-level value",
    "Invalid control character at": "in string literal",
    "Invalid \\escape": "in string escape code",
    "Invalid \\uXXXX escape": "in \\u hexadecimal character escape",
}


def syntax_error(raw: bytes) -> str:
    """The sentence for a body that does not parse."""
    try:
        text = raw.decode()
        json.loads(text)
    except UnicodeDecodeError:
        return "invalid UTF-8 in body"
    except RecursionError:
        return "exceeded max depth"
    except json.JSONDecodeError as error:
        at = error.pos + (1 if error.msg.startswith("Invalid \\") else 0)
        if error.msg.startswith("Unterminated string") or at >= len(text.rstrip()):
            return _END
        if (literal := _literal(text, at)) and error.msg == "Expecting value":
            same = next(i for i, c in enumerate(literal) if text[at : at + i + 1] != literal[: i + 1])
            if at + same >= len(text.rstrip()):
                return _END
            return (
                f"invalid character {_quoted(text[at + same])} in literal {literal} "
                f"(expecting {_quoted(literal[same])})"
            )
        return f"invalid character {_quoted(text[at])} {_where(error.msg, text, at)}"
    return f"invalid character 'N' {_VALUE}"  # NaN, which only Python knows


def _literal(text: str, at: int) -> str:
    """What a value at a place can only be the beginning of."""
    return next((word for word in ("true", "false", "null") if word[0] == text[at]), "")


def _quoted(character: str) -> str:
    """As Go's quoteChar writes it."""
    return {"'": "'\\''", '"': "'\"'"}.get(character) or "'" + json.dumps(character)[1:-1] + "'"


def _where(message: str, text: str, at: int) -> str:
    if message.startswith("Expecting ',' delimiter"):
        return "after array element" if _inside(text[:at]) == "[" else "after object key:value pair"
    return _WORDS.get(message, _VALUE)


def _inside(text: str) -> str:
    """The bracket that is open at the end of a text."""
    stack: list[str] = []
    in_string = escaped = False
    for c in text:
        if in_string:
            in_string = escaped or c != '"'
            escaped = c == "\\" and not escaped
        elif c == '"':
            in_string = True
        elif c in "[{":
            stack.append(c)
        elif c in "]}" and stack:
            stack.pop()
    return stack[-1] if stack else ""


def no_object(value: Any) -> str:
    """The sentence for JSON that is no object, where kind and apiVersion were looked for."""
    return f"json: cannot unmarshal {_word(value)} into Go value of type {_META}"


def no_text(key: str, value: Any) -> str:
    """The same for a kind or an apiVersion that is no string."""
    return f"json: cannot unmarshal {_word(value)} into Go struct field .{key} of type string"


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"
