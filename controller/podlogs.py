"""The logs of containers as they are written, each read by a thread of its own, and again when it breaks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError, Future

from controller.logfeed import Feed, LogLine, LogOptions, Source
from controller_runtime.client.cancel import Cancel
from controller_runtime.client.client import Client
from controller_runtime.kube.errors import ApiError, Unreachable
from controller_runtime.kube.kinds import Pod
from controller_runtime.threads import Threads

IDLE = 900.0  # seconds without a line after which the connection may be dead, and another is made
AGAIN = (1.0, 2.0, 5.0, 10.0, 30.0)  # seconds between tries that bring nothing
MOST = 40  # containers of one feed at once
LINE_LIMIT = 16 << 10  # bytes; what a line has more than that is cut
CUT = " … (cut)"


class PodLogs:
    """``open`` returns at once. ``client`` is the person's: nothing is shown that they may not read."""

    def __init__(self, client: Future[Client], threads: Threads) -> None:
        self._client = client
        self._threads = threads

    def use(self, client: Future[Client]) -> None:
        """Read through this client from now on: the cluster is another one."""
        self._client = client

    def open(self, options: LogOptions) -> Feed:
        """Lines of whatever ``follow`` of it is given, until it is closed."""
        count = 0

        def begin(feed: Feed, source: Source) -> None:
            nonlocal count
            count += 1
            if count > MOST:
                if count == MOST + 1:
                    words = f"more than {MOST} containers: the others are not read"
                    feed.add(LogLine(source, "", words, is_note=True))
                return
            reader = _Reader(self._client, feed, source, options)
            self._threads.start(f"log-{source.pod}", reader.run)

        return Feed(begin)


class _Reader:
    def __init__(self, client: Future[Client], feed: Feed, source: Source, options: LogOptions) -> None:
        self._client = client
        self._feed = feed
        self._source = source
        self._options = options
        self._last = ""  # time of the last line that was read
        self._said = ""
        self._cancel = Cancel()
        feed.on_close(self._cancel.set)

    def run(self) -> None:
        failures = 0
        while not self._feed.over.is_set():
            before = self._last
            try:
                self._read(self._client.result())
            except CancelledError:
                self._note("there is no connection to the cluster")
                return
            except ApiError as error:
                if error.status == 404 and self._last:
                    self._note("the pod is gone")
                    return
                self._note(error.message)
            except Unreachable as error:
                if not self._feed.over.is_set():
                    self._note(str(error))
            else:
                if self._options.previous:
                    return
            failures = 0 if self._last != before else failures + 1
            self._feed.over.wait(AGAIN[min(failures, len(AGAIN)) - 1] if failures else AGAIN[0])

    def _read(self, client: Client) -> None:
        resumed = self._last
        path = Pod.resource.path(self._source.namespace, self._source.pod, "log")
        stream = client.transport.stream(
            path, self._query(), idle_timeout=IDLE, accept="*/*", cancel=self._cancel
        )
        self._said = ""
        try:
            for raw in lines(stream):
                time, _, text = raw.partition(" ")
                if resumed and time <= resumed:  # sinceTime has whole seconds only
                    continue
                self._last = time
                self._feed.add(LogLine(self._source, time, text))
        finally:
            stream.close()

    def _query(self) -> dict[str, str | int | bool]:
        options = self._options
        query: dict[str, str | int | bool] = {"container": self._source.container, "timestamps": True}
        if options.previous:
            query["previous"] = True
        else:
            query["follow"] = True
        if self._last:
            query["sinceTime"] = f"{self._last[:19]}Z"
            return query
        if options.tail is not None:
            query["tailLines"] = options.tail
        if options.since is not None:
            query["sinceSeconds"] = options.since
        return query

    def _note(self, words: str) -> None:
        """Once, until something else is to be said."""
        if words != self._said:
            self._said = words
            self._feed.add(LogLine(self._source, "", words, is_note=True))


def lines(chunks: Iterable[bytes], limit: int = LINE_LIMIT) -> Iterator[str]:
    """Lines without their ends, also a last one without a newline; each at most ``limit`` bytes."""
    rest, is_cut = b"", False
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield _text(line[:limit], is_cut or len(line) > limit)
            is_cut = False
        if len(rest) > limit:
            rest, is_cut = rest[:limit], True
    if rest:
        yield _text(rest, is_cut)


def _text(line: bytes, is_cut: bool) -> str:
    text = line.removesuffix(b"\r").decode(errors="replace")
    return text + CUT if is_cut else text
