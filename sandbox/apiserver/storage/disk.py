"""State on disk, when asked for: every object in one SQLite file, from which a cluster begins again.

What was acknowledged less than `SETTLE` ago may be lost with the process; an orderly end loses nothing.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sandbox.apiserver.storage.revisions import Change, Entry, Key, Store

log = logging.getLogger(__name__)

SETTLE = 0.05  # seconds in which writes are collected
_SCHEMA = """
create table if not exists objects (
    kind text, namespace text, name text, revision integer, version text, body blob,
    primary key (kind, namespace, name)
) without rowid;
create table if not exists facts (name text primary key, value) without rowid;
"""
_PUT = "insert or replace into objects values (?, ?, ?, ?, ?, ?)"
_DROP = "delete from objects where kind = ? and namespace = ? and name = ?"
_FACT = "insert or replace into facts values (?, ?)"


class DiskError(Exception):
    """The state cannot be kept there, or read; one sentence says why."""


class Disk:
    """One file in a folder of its own. Used from one event loop; writes are done in a thread."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = folder / "state.db"
            file.touch(mode=0o600)  # Secrets are in it
            self._database = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
            self._database.execute("pragma journal_mode = wal")
            self._database.execute("pragma synchronous = normal")
            self._database.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise DiskError(f"cannot keep the state in {folder}: {reason}") from error
        self._store: Store | None = None
        self._dirty: dict[tuple[str, Key], Entry | None] = {}
        self._due: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None

    def fact(self, name: str, default: bytes) -> bytes:
        """Something kept beside the objects, such as a key; `default` from now on when it is not there."""
        row = self._database.execute("select value from facts where name = ?", (name,)).fetchone()
        if row is None:
            self._database.execute(_FACT, (name, default))
            return default
        return bytes(row[0])

    def objects(self) -> Iterator[tuple[str, Entry]]:
        """(kind, entry) of all that was kept; selectable fields are for the caller to fill in."""
        rows = self._database.execute("select * from objects order by kind, namespace, name")
        for kind, namespace, name, revision, version, body in rows:
            entry = Entry((namespace, name), "", revision, {}, (), bytes(body), version)
            meta = entry.decode()["metadata"]
            labels = meta.get("labels") or {}
            yield kind, Entry(entry.key, meta.get("uid", ""), revision, labels, (), entry.body, version)

    @property
    def revision(self) -> int:
        """The highest that was kept."""
        row = self._database.execute("select value from facts where name = 'revision'").fetchone()
        return int(row[0]) if row else 1

    def follow(self, store: Store) -> None:
        """Keep every change from now on."""
        self._store = store
        store.listeners.append(self._changed)

    def _changed(self, kind: str, change: Change) -> None:
        self._dirty[kind, change.new.key] = None if change.deleted else change.new
        if self._due is None and self._writing is None:
            self._due = asyncio.get_running_loop().call_later(SETTLE, self._begin)

    def _begin(self) -> None:
        self._due = None
        self._writing = asyncio.get_running_loop().create_task(self._flush())

    async def _flush(self) -> None:
        try:
            while self._dirty and self._store is not None:
                dirty, self._dirty = self._dirty, {}
                try:
                    await asyncio.to_thread(self._write, dirty, self._store.revision)
                except sqlite3.Error as error:  # a full disk, say: tried again with the next change
                    self._dirty = {**dirty, **self._dirty}
                    log.error("The state could not be written to disk: %s", error)
                    return
        finally:
            self._writing = None

    def _write(self, dirty: dict[tuple[str, Key], Entry | None], revision: int) -> None:
        rows = [(kind, *key, e.rv, e.version, e.body) for (kind, key), e in dirty.items() if e is not None]
        gone = [(kind, *key) for (kind, key), entry in dirty.items() if entry is None]
        with self._database:
            self._database.execute("begin")
            self._database.executemany(_PUT, rows)
            self._database.executemany(_DROP, gone)
            self._database.execute(_FACT, ("revision", revision))

    async def close(self) -> None:
        """Write the rest, and let go of the file."""
        if self._due is not None:
            self._due.cancel()
        if self._writing is not None:
            await self._writing
        await self._flush()
        self._database.close()
        self._store = None
