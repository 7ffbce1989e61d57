from __future__ import annotations

import unicodedata
from collections.abc import Callable

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from controller_runtime.kube.terminal import escape, safe_text
from tui.as_yaml import as_yaml
from tui.filters import Subject, parse
from tui.text import age, fit, milliseconds, natural, pad, wrap


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("plain ü 日本", "plain ü 日本"),
        ("\x1b]0;owned\x07", "␛]0;owned␇"),
        ("a\nb\tc\x7f", "a␊b␉c␡"),
        ("\x9b2J", "�2J"),
        ("\u202egnp.exe", "�gnp.exe"),
        ("a\u200bb\ufeffc\u00add", "a�b�c�d"),
        ("\u2800\u3164\ufe0f", "���"),
        ("\ud800", "�"),
        ("a\u00a0b", "a b"),
    ],
)
def test_hostile_text_is_made_visible(hostile: str, shown: str) -> None:
    assert safe_text(hostile) == shown


@pytest.mark.parametrize("make_safe", [safe_text, escape])
@given(text=st.text(st.characters(codec=None)))
def test_nothing_unprintable_is_left(make_safe: Callable[[str], str], text: str) -> None:
    safe = make_safe(text)
    assert safe.isprintable()
    assert not any(unicodedata.category(c).startswith("C") for c in safe)
    assert make_safe(safe) == safe
    safe.encode()


def test_a_log_line_shows_what_hides() -> None:
    assert escape("a\u2800b\x1b[0m\u202e") == "a\\u2800b\\x1b[0m\\u202e"


@given(st.text(), st.integers(0, 40))
def test_pad_is_exact_and_wrap_fits(text: str, width: int) -> None:
    text = safe_text(text)
    assert cell_len(fit(text, width)) <= width
    assert cell_len(pad(text, width)) == width
    if width >= 2:
        assert all(cell_len(line) <= width for line in wrap(text, width))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0s"), (45, "45s"), (119, "119s"), (120, "2m"), (251, "4m11s"), (600, "10m"), 
        (179 * 60, "179m"), (180 * 60, "3h"), (3 * 3600 + 720, "3h12m"), (47 * 3600, "47h"),
        (51 * 3600, "2d3h"), (41 * 86400, "41d"),
    ],
)  # fmt: skip
def test_ages_are_kubectls(seconds: float, text: str) -> None:
    assert age(seconds) == text


def test_durations_and_order() -> None:
    assert [milliseconds(s) for s in (0.0004, 0.018, 0.999, 1.2412)] == [
        "0.4 ms",
        "18 ms",
        "999 ms",
        "1.24 s",
    ]
    assert sorted(["redis-10", "redis-2", "redis-1"], key=natural) == ["redis-1", "redis-2", "redis-10"]


def test_filters() -> None:
    plain, inverted = parse("redis-[01]$"), parse("!running")
    assert plain is not None
    assert plain.keeps(Subject("my-redis-1"))
    assert not plain.keeps(Subject("my-redis-2"))
    assert inverted is not None
    assert inverted.keeps(Subject("a Pending"))
    assert not inverted.keeps(Subject("a Running"))
    assert parse("  ") is None
    assert parse("!") is None
    with pytest.raises(ValueError, match="not a regular expression: unterminated character set"):
        parse("[")


def test_terms_of_a_filter() -> None:
    wanted = parse("kind:po type:del ns:default by:kube app-.*-1")
    assert wanted is not None
    subject = Subject("app-x-1", "Pod", "DELETED", "default", "kubelet")
    assert wanted.keeps(subject)
    for other in ("app-x-2", "app"):
        assert not wanted.keeps(Subject(other, "Pod", "DELETED", "default", "kubelet"))
    assert not wanted.keeps(Subject("app-x-1", "Service", "DELETED", "default", "kubelet"))
    labelled = parse("-l app=db,tier")
    assert labelled is not None
    assert labelled.keeps(Subject("x", labels={"app": "db", "tier": "back"}))
    assert not labelled.keeps(Subject("x", labels={"app": "db"}))
    assert not labelled.keeps(Subject("x", labels={"app": "web", "tier": "back"}))
    fuzzy, faults = parse("-f mrd1"), parse("faults")
    assert fuzzy is not None
    assert faults is not None
    assert fuzzy.keeps(Subject("my-op-redis-1"))
    assert not fuzzy.keeps(Subject("my-op-redis-2"))
    assert faults.keeps(Subject("x", fault=True))
    assert not faults.keeps(Subject("x"))


def test_text_of_several_lines_stands_in_yaml_as_it_is() -> None:
    data = {"data": {"redis.conf": "port 8333\nsave ''\n", "odd": "a \n\x1bb", "one": "line"}}
    assert as_yaml(data).splitlines() == [
        "data:",
        "  redis.conf: |",
        "    port 8333",
        "    save ''",
        '  odd: "a \\n\\eb"',
        "  one: line",
    ]


@given(st.dictionaries(st.text("ab: #-'|>", min_size=1), st.text("ab:\n\t #-'\x1b|>")))
def test_yaml_for_reading_says_what_the_data_says(data: dict[str, str]) -> None:
    assert yaml.safe_load(as_yaml(data)) == data
