"""Cron schedules as CronJobs have them (robfig/cron's ParseStandard). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 6))
_NAMED = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
HORIZON = 5 * 366  # days that are looked at; a 29 February is among them


@dataclass(frozen=True)
class Schedule:
    """When to fire. `every` is in seconds and alone; otherwise the fields hold the values that match."""

    fields: tuple[frozenset[int], ...] = ()
    any_day: bool = True  # of the month
    any_weekday: bool = True
    every: float = 0.0

    def after(self, at: float, zone: tzinfo = UTC) -> float | None:
        """The first time after `at`, both in Unix seconds; None when there is none in five years."""
        if self.every:
            return float(int(at) + max(1, int(self.every)))
        start = datetime.fromtimestamp(at, zone).replace(second=0, microsecond=0, tzinfo=None)
        start += timedelta(minutes=1)
        for days in range(HORIZON):
            day = start.date() + timedelta(days=days)
            if day.month not in self.fields[3] or not self._is_day(day.day, day.isoweekday() % 7):
                continue
            for hour in sorted(self.fields[1]):
                for minute in sorted(self.fields[0]):
                    local = datetime(day.year, day.month, day.day, hour, minute)
                    found = local.replace(tzinfo=zone).timestamp()
                    # A time that the clocks skip is none.
                    exists = datetime.fromtimestamp(found, zone).replace(tzinfo=None) == local
                    if local >= start and exists and found > at:
                        return found
        return None

    def _is_day(self, day: int, weekday: int) -> bool:
        """With both kinds of day restricted either will do, as in every cron."""
        fits = day in self.fields[2], weekday in self.fields[4]
        return all(fits) if self.any_day or self.any_weekday else any(fits)


def parse(text: str) -> Schedule:
    """Raises ValueError, in a sentence."""
    text = text.strip()
    if text.startswith("@every "):
        return Schedule(every=_duration(text.removeprefix("@every ")))
    words = _NAMED.get(text.lower(), text).split()
    if len(words) != len(_FIELDS):
        raise ValueError(f"expected exactly 5 fields, found {len(words)}: {words}")
    fields = [_field(word, *bounds) for word, bounds in zip(words, _FIELDS, strict=True)]
    return Schedule(tuple(fields), words[2][0] in "*?", words[4][0] in "*?")


def zone_of(name: str) -> tzinfo:
    """Raises ValueError for a zone that is not known."""
    try:
        return ZoneInfo(name) if name else UTC
    except (KeyError, OSError) as error:
        raise ValueError(f"unknown time zone {name}") from error


def _duration(text: str) -> float:
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|h|m|s)", text)
    if not parts or "".join(map("".join, parts)) != text:
        raise ValueError(f"failed to parse duration @every {text}")
    return sum(float(figure) * _UNITS[unit] for figure, unit in parts)


def _field(text: str, name: str, low: int, high: int) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        begin, dash, end = span.partition("-")
        if begin in ("*", "?"):
            first, last = low, high
        else:
            first = _value(begin, name)
            last = _value(end, name) if dash else (high if step else first)
        if name == "weekday" and last == 7:  # Sunday is 0 and 7
            found.add(0)
            first, last = (0, 0) if first == 7 else (first, 6)
        if first < low or last > high or first > last or (step and not step.isdecimal()) or step == "0":
            raise ValueError(f"{part!r} is no {name}: it goes from {low} to {high}")
        found.update(range(first, last + 1, int(step or 1)))
    return frozenset(found)


def _value(text: str, name: str) -> int:
    if text.isdecimal():
        return int(text)
    names = {"month": _MONTHS, "weekday": _DAYS}.get(name, [])
    if text.lower() not in names:
        raise ValueError(f"{text!r} is no {name}")
    return names.index(text.lower()) + (name == "month")
