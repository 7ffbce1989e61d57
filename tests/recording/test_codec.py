"""Lines of a recording: all events, no secrets, and the files of older versions."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from controller.events import ActionFinished, Heal
from controller_runtime.events import ApiWrite, BusEvent, Log, ObjectChanged, WatchStatus
from controller_runtime.kube.resource import Ref
from controller_runtime.kube.rules import PolicyRule
from recording.codec import EVENTS, NotARecording, decode, decode_header, encode, encode_header
from recording.reader import Damage, header_of, read

VERSION_1 = Path(__file__).parent / "version-1.jsonl"


def changed(kind: str, **body: Any) -> ObjectChanged:
    o = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "x", "namespace": "ns"}, **body}
    return ObjectChanged(
        at=1.5,
        type="ADDED",
        ref=Ref(kind, "ns", "x", "u"),
        resource_version="7",
        raw=msgspec.Raw(json.dumps(o).encode()),
    )


SOME: list[BusEvent] = [
    changed("Pod", spec={"nodeName": "n"}),
    WatchStatus(
        at=2.0, resource="pods", group="", kind="Pod", scope="", state="forbidden", since=1.0,
        missing_rule=PolicyRule(("",), ("pods",), ("list",)),
    ),
    ApiWrite(at=3.0, seq=9, cause=4, verb="create", ref=Ref("Pod", "ns", "x"), status=201),
    Heal(
        at=4.0, namespace="ns", name="x", owner="ns/db", old_uid="u", stage="ready", requested=1.0, ready=4.0
    ),
    ActionFinished(at=5.0, id="action-1", verb="delete", ref=Ref("Pod", "ns", "x"), ok=True),
]  # fmt: skip


@pytest.mark.parametrize("event", SOME, ids=lambda e: type(e).__name__)
def test_an_event_is_one_line_and_comes_back_as_it_was(event: BusEvent) -> None:
    line = encode(event)
    assert b"\n" not in line
    assert encode(decode(line)) == line


def test_every_event_of_runtime_and_operator_has_a_tag_of_its_own() -> None:
    tags = [msgspec.inspect.type_info(event).tag for event in EVENTS]  # type: ignore[attr-defined]
    assert len(set(tags)) == len(tags) > 15


def test_json_that_was_written_for_people_is_one_line_too() -> None:
    event = msgspec.structs.replace(changed("Pod"), raw=msgspec.Raw(b'{\n  "kind": "Pod"\n}'))
    assert b"\n" not in encode(event)
    again = decode(encode(event))
    assert isinstance(again, ObjectChanged)
    assert json.loads(bytes(again.raw)) == {"kind": "Pod"}


def test_the_data_of_secrets_is_not_in_it_but_their_keys_are() -> None:
    secret = base64.b64encode(b"hunter2").decode()
    metadata = {
        "name": "x",
        "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": json.dumps({"data": {"password": secret}})
        },
    }
    event = changed("Secret", data={"password": secret}, stringData={"plain": "hunter2"}, metadata=metadata)
    line = encode(event)
    assert secret.encode() not in line
    assert b"hunter2" not in line
    assert b'"password"' in line
    broken = msgspec.structs.replace(event, raw=msgspec.Raw(b'["hunter2"]'))
    assert b"hunter2" not in encode(broken), "when it cannot be read, none of it"


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abcdefgh12345678",
        "Authorization: Basic YWRtaW46aHVudGVyMg==",
        'headers {"Authorization": "abcdefgh12345678"}',
        "bearer abcdefgh12345678",
        "token eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0abc.c2lnbmF0dXJl",
    ],
)
def test_tokens_are_not_in_it(text: str) -> None:
    line = encode(Log(at=0.0, level="error", message=f"refused: {text} (401)"))
    for part in ("abcdefgh12345678", "YWRtaW46aHVudGVyMg", "c2lnbmF0dXJl"):
        assert part.encode() not in line
    assert b"REDACTED" in line
    assert b"(401)" in line


def test_a_recording_of_version_1_stays_readable() -> None:
    damaged: list[Damage] = []
    events = list(read(VERSION_1, damaged.append))
    assert not damaged
    assert header_of(VERSION_1).program == "reconsole 0.1.0"
    assert {type(e) for _, e in events} >= {type(e) for e in SOME}
    first = events[0][1]
    assert isinstance(first, ObjectChanged)
    assert (first.seq, first.ref.name) == (1, "db-0")


def test_damaged_lines_are_named_with_their_numbers_and_skipped(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    header, line = encode_header("test", 0.0), encode(SOME[0])
    unknown = b'{"event":"from_the_future","at":1}'
    path.write_bytes(b"\n".join([header, line, line[:40], line, unknown, header, line + b"\n" + line[:-9]]))
    damaged: list[Damage] = []
    assert [number for number, _ in read(path, damaged.append)] == [2, 4, 7]
    assert [d.line for d in damaged] == [3, 5, 6, 8]
    assert "cut off" in damaged[0].reason
    assert "from_the_future" in damaged[1].reason
    assert "appended" in damaged[2].reason


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b"", "no header"),
        (b'{"version":2}', "no header"),
        (b'{"recording":"other","version":1}', "of 'other'"),
        (b'{"recording":"reconsole","version":99}', "newer reconsole"),
    ],
)
def test_what_is_no_recording_is_said(line: bytes, sentence: str) -> None:
    with pytest.raises(NotARecording, match=sentence):
        decode_header(line)


def test_text_that_has_no_utf8_is_written_all_the_same() -> None:
    event = Log(at=1.0, level="error", message="half a pair: \udce9", ref=Ref("Pod", "ns", "a\udce9"))
    line = encode(event)
    read = decode(line)
    assert isinstance(read, Log)
    assert read == Log(at=1.0, level="error", message="half a pair: ?", ref=Ref("Pod", "ns", "a?"))
