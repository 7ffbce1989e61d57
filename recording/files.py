"""Files of lines: plain, gzip (.gz) or Zstandard (.zst) by their name; they may end anywhere."""

from __future__ import annotations

import gzip
import os
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Protocol

CHUNK = 1 << 20  # bytes
LEVEL = 1  # of both: a recorder must not cost what the controller does
# Longer lines are no events: an object in etcd has at most 1.5 MB.
LONGEST_LINE = 64 << 20  # bytes


class Sink(Protocol):
    def write(self, data: bytes) -> None:
        """Write all of it and flush, so that it can be read after a crash. Raises OSError."""

    def size(self) -> int:
        """Bytes in the file so far."""

    def close(self) -> None: ...


def create(path: Path) -> Sink:
    """A new file that only its owner can read. Raises OSError."""
    file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb", buffering=0)
    if path.suffix == ".gz":
        return _Compressed(
            file, gzip.GzipFile(fileobj=file, mode="wb", compresslevel=LEVEL), zlib.Z_SYNC_FLUSH
        )
    if path.suffix == ".zst":
        zstd = _zstd()
        return _Compressed(file, zstd.ZstdFile(file, "wb", level=LEVEL), zstd.ZstdFile.FLUSH_BLOCK)
    return _Plain(file)


class _Plain:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    def size(self) -> int:
        return os.fstat(self._file.fileno()).st_size

    def close(self) -> None:
        self._file.close()


class _Compressed:
    def __init__(self, file: IO[bytes], stream: Any, flush: int) -> None:
        self._file = file
        self._stream = stream
        self._flush = flush

    def write(self, data: bytes) -> None:
        self._stream.write(data)
        self._stream.flush(self._flush)

    def size(self) -> int:
        return os.fstat(self._file.fileno()).st_size

    def close(self) -> None:
        self._stream.close()
        self._file.close()


def lines(path: Path) -> Iterator[bytes]:
    """The lines without their ends; the last one also when it has none. Raises OSError.

    What cannot be unpacked ends the file.
    """
    parts: list[bytes] = []
    for chunk in chunks(path):
        whole = chunk.split(b"\n")
        parts.append(whole[0])
        if len(whole) > 1:
            yield b"".join(parts)
            yield from whole[1:-1]
            parts = [whole[-1]]
        elif sum(map(len, parts)) > LONGEST_LINE:
            raise OSError(f"line longer than {LONGEST_LINE >> 20} MiB")
    if last := b"".join(parts):
        yield last


def chunks(path: Path) -> Iterator[bytes]:
    """What is in the file, unpacked. Raises OSError."""
    new: Any = None
    broken: tuple[type[Exception], ...] = ()
    if path.suffix == ".gz":
        new, broken = (lambda: zlib.decompressobj(wbits=31)), (zlib.error,)
    elif path.suffix == ".zst":
        zstd = _zstd()
        new, broken = zstd.ZstdDecompressor, (zstd.ZstdError,)
    with path.open("rb") as file:
        unpacker = new() if new else None
        while data := file.read(CHUNK):
            if unpacker is None:
                yield data
                continue
            while data:
                if unpacker.eof:  # files may be put one after another
                    unpacker = new()
                try:
                    unpacked = unpacker.decompress(data)
                except broken:
                    return
                data = unpacker.unused_data
                if unpacked:
                    yield unpacked


def _zstd() -> Any:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd
