"""The flight recorder: what it keeps, what it writes, and what it outlives."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path

import msgspec
import pytest

from controller_runtime.bus import EventBus, Listing
from controller_runtime.events import BusEvent, LeaderStatus, Log, ObjectChanged
from controller_runtime.kube.resource import Ref
from recording.codec import Gap
from recording.files import Sink, create
from recording.reader import Damage, read
from recording.recorder import Recorder
from recording.writer import RecordingFile, older_part


class World:
    def __init__(self, **options: float) -> None:
        self.now = 1000.0
        self.bus = EventBus()
        self.pods: dict[str, ObjectChanged] = {}
        self.bus.add_store("pods", lambda: Listing("v1", "Pod", list(self.pods.values())))
        self.recorder = Recorder(self.bus, clock=lambda: self.now, **options)  # type: ignore[arg-type]

    def log(self, text: str) -> None:
        self.bus.publish(Log(at=self.now, level="info", message=text))

    def pod(self, name: str, version: str = "1") -> None:
        self.pods[name] = ObjectChanged(
            at=self.now, type="ADDED", ref=Ref("Pod", "ns", name, f"uid-{name}"), resource_version=version,
            raw=msgspec.Raw(b"{}"), initial=True,
        )  # fmt: skip
        self.bus.publish(msgspec.structs.replace(self.pods[name], type="MODIFIED", initial=False))


def events(path: Path) -> list[BusEvent]:
    damaged: list[Damage] = []
    found = [event for _, event in read(path, damaged.append)]
    assert not damaged
    return found


def messages(path: Path) -> list[str]:
    return [e.message for e in events(path) if isinstance(e, Log)]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"])
def test_every_batch_can_be_read_before_the_file_is_closed(tmp_path: Path, name: str) -> None:
    world, path = World(), tmp_path / name
    world.recorder.write_to(path)
    assert path.stat().st_mode & 0o777 == 0o600
    world.log("one")
    world.recorder.record()
    assert messages(path) == ["one"], "as after a crash"
    world.log("two")
    world.recorder.close()
    world.recorder.run()
    assert messages(path) == ["one", "two"]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"])
def test_a_file_that_was_cut_anywhere_is_read_up_to_there(tmp_path: Path, name: str) -> None:
    world, path = World(), tmp_path / name
    world.recorder.write_to(path)
    for number in range(50):
        world.log(f"{number} " + "x" * 50)
        world.recorder.record()
    whole = path.read_bytes()
    for length in range(200, len(whole), 311):
        path.write_bytes(whole[:length])
        damaged: list[Damage] = []
        found = [e for _, e in read(path, damaged.append)]
        assert [e.message.split()[0] for e in found if isinstance(e, Log)] == [
            str(n) for n in range(len(found))
        ]
        assert len(damaged) <= 1


def test_a_full_file_becomes_the_older_part_and_the_next_begins_with_what_is_there(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "run.jsonl"
    path.write_text("somebody's file")
    world.bus.publish(LeaderStatus(at=world.now, state="leading"))
    world.recorder.write_to(path)
    world.recorder._file = RecordingFile(
        path, program="", clock=lambda: world.now, state=world.recorder._state_lines, rotate_at=3_000
    )
    world.pod("a")
    for number in range(40):
        world.log(f"{number} " + "x" * 60)
        world.recorder.record()
    assert older_part(path, 1).name == "run.1.jsonl"
    state = events(path)[:2]
    assert [type(e) for e in state] == [LeaderStatus, ObjectChanged]
    texts = [m for n in (2, 1, 0) if older_part(path, n).exists() for m in _texts(older_part(path, n))]
    assert texts[-30:] == [f"{n} " + "x" * 60 for n in range(10, 40)], "nothing is lost between the parts"


def _texts(path: Path) -> list[str]:
    return messages(path) if path.read_bytes().startswith(b'{"recording"') else []


def test_a_full_disk_is_said_once_and_outlived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world, path = World(), tmp_path / "a.jsonl"
    is_full = False

    class Disk:
        """A file on a disk that is full now and then, in the middle of a line."""

        def __init__(self, sink: Sink) -> None:
            self._sink = sink
            self.size, self.close = sink.size, sink.close

        def write(self, data: bytes) -> None:
            if is_full:
                self._sink.write(data[:10])
                raise OSError(errno.ENOSPC, "No space left on device")
            self._sink.write(data)

    monkeypatch.setattr("recording.writer.create", lambda path: Disk(create(path)))
    world.recorder.write_to(path)
    with caplog.at_level(logging.INFO):
        for is_full, text in ((False, "before"), (True, "lost"), (True, "lost too"), (False, "after")):  # noqa: B007
            world.log(text)
            world.recorder.record()
            world.now += 31
    assert [r.levelname for r in caplog.records if r.name == "recording"] == ["ERROR", "INFO"]
    assert "No space left on device" in caplog.text
    damaged: list[Damage] = []
    found = [e for _, e in read(path, damaged.append)]
    assert [e.message for e in found if isinstance(e, Log)] == ["before", "after"]
    assert [e.count for e in found if isinstance(e, Gap)] == [2]
    is_full = True
    world.log("the end")
    world.recorder.close()
    world.recorder.run()
    assert "ends early, without its last events: 1" in caplog.messages[-1]


def test_the_last_minutes_are_kept_and_saved_with_what_was_there_before(tmp_path: Path) -> None:
    world, path = World(window=60.0), tmp_path / "saved.jsonl"
    world.pod("old")
    world.pod("changes")
    world.bus.publish(LeaderStatus(at=world.now, state="leading"))
    world.log("long ago")
    world.recorder.record()
    world.now += 100
    world.pod("changes", "2")
    world.log("now")
    assert world.recorder.save(path) == 2
    saved = events(path)
    assert messages(path) == ["now"]
    assert any(isinstance(e, LeaderStatus) for e in saved)
    pods = [(e.ref.name, e.resource_version, e.initial) for e in saved if isinstance(e, ObjectChanged)]
    assert pods == [("old", "1", True), ("changes", "2", True), ("changes", "2", False)]
    assert world.recorder.save(path) == 2, "it may be saved again"


def test_what_is_kept_in_memory_is_bounded_in_bytes(tmp_path: Path) -> None:
    world, path = World(max_bytes=20_000), tmp_path / "saved.jsonl"
    for number in range(100):
        world.log(f"{number} " + "x" * 1_000)
    world.recorder.record()
    assert 5 <= world.recorder.save(path) <= 20
    assert messages(path)[-1].startswith("99 ")


class Odd(BusEvent, frozen=True, tag="odd"):
    """As somebody's operator might publish it."""

    what: object


def test_events_that_are_no_json_are_left_out_and_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world, path = World(), tmp_path / "a.jsonl"
    world.recorder.write_to(path)
    for _ in range(3):
        world.bus.publish(Odd(at=0.0, what=object()))
        world.log("and on")
    world.recorder.record()
    assert messages(path) == ["and on"] * 3
    assert [r.getMessage().split(":")[0] for r in caplog.records] == ["Odd events cannot be recorded"]


def test_what_the_recorder_missed_is_in_the_recording_as_a_number(tmp_path: Path) -> None:
    world, path = World(), tmp_path / "a.jsonl"
    world.recorder.write_to(path)
    world.recorder._subscription.maxlen = 10
    for number in range(25):
        world.log(str(number))
    world.recorder.record()
    assert [e.count for e in events(path) if isinstance(e, Gap)] == [15]
    assert messages(path) == [str(n) for n in range(15, 25)]


@pytest.mark.parametrize("what", ["folder", "pipe", "link to a pipe"])
def test_what_is_no_regular_file_is_refused_and_stays_where_it_is(tmp_path: Path, what: str) -> None:
    path = tmp_path / "run.jsonl"
    target = tmp_path / "target" if "link" in what else path
    target.mkdir() if what == "folder" else os.mkfifo(target)
    if target != path:
        path.symlink_to(target)
    there = sorted(tmp_path.iterdir())
    with pytest.raises(OSError, match="no regular file"):
        World().recorder.write_to(path)
    assert sorted(tmp_path.iterdir()) == there


def test_a_link_to_a_recording_stays_a_link(tmp_path: Path) -> None:
    path, target = tmp_path / "latest.jsonl", tmp_path / "run.jsonl"
    path.symlink_to(target)
    for text in ("first", "second"):
        world = World()
        world.recorder.write_to(path)
        world.log(text)
        world.recorder.record()
    assert path.is_symlink()
    assert messages(path) == ["second"]
    assert messages(tmp_path / "run.1.jsonl") == ["first"]
