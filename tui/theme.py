"""Colours. The words of a change have their own, those that Kubernetes users know from k9s."""

from __future__ import annotations

from dataclasses import replace

from textual.theme import BUILTIN_THEMES, Theme

# New is blue, changed green-yellow, gone purple: no pair of red and green carries meaning. Themes that name
# none of their own have these.
CHANGES = {"muted": "#7d89a3", "added": "#5aa9ff", "modified": "#b5d94c", "deleted": "#b58cf5"}

RECONSOLE = Theme(
    name="reconsole",
    primary="#7aa2f7",
    secondary="#565f89",
    accent="#7dcfff",
    foreground="#c8d0e0",
    background="#10141c",
    surface="#151a24",
    panel="#1d2432",
    success="#7fd88f",
    warning="#e6b450",
    error="#ff6b6b",
    dark=True,
    variables={
        "border": "#3a4560",
        "footer-key-foreground": "#7dcfff",
        "footer-background": "#151a24",
        "scrollbar": "#2a3346",
        "scrollbar-hover": "#3a4560",
        "scrollbar-active": "#565f89",
        "scrollbar-background": "#10141c",
        "scrollbar-background-hover": "#10141c",
        "scrollbar-background-active": "#10141c",
    },
)

LIGHT = Theme(
    name="reconsole-light",
    primary="#2f5fd0",
    secondary="#8a93a8",
    accent="#0b7285",
    foreground="#1f2533",
    background="#fbfbf9",
    surface="#f1f2f0",
    panel="#e6e8e6",
    success="#1f7a3a",
    warning="#935f00",
    error="#c01c28",
    dark=False,
    variables={
        "border": "#b9bfca",
        "footer-key-foreground": "#0b7285",
        "footer-background": "#f1f2f0",
        "muted": "#636b7d",
        "added": "#1456b8",
        "modified": "#4f6f00",
        "deleted": "#7a3db8",
    },
)

# The palette of Okabe and Ito (https://jfly.uni-koeln.de/color/), which people tell apart whatever their eyes
# make of red and green: good is blue-green, warnings are orange, errors vermilion.
SAFE = Theme(
    name="reconsole-safe",
    primary="#56b4e9",
    secondary="#5c6370",
    accent="#f0e442",
    foreground="#e0e0e0",
    background="#101010",
    surface="#181818",
    panel="#242424",
    success="#56b4e9",
    warning="#e69f00",
    error="#d55e00",
    dark=True,
    variables={
        "border": "#505050",
        "muted": "#9a9a9a",
        "added": "#56b4e9",
        "modified": "#f0e442",
        "deleted": "#cc79a7",
    },
)

# The colours of the terminal itself, whatever they are.
ANSI = replace(
    BUILTIN_THEMES["ansi-dark"],
    name="reconsole-ansi",
    variables={
        **BUILTIN_THEMES["ansi-dark"].variables,
        "border": "ansi_bright_black",
        "muted": "ansi_bright_black",
        "added": "ansi_bright_blue",
        "modified": "ansi_yellow",
        "deleted": "ansi_magenta",
    },
)

THEMES = (RECONSOLE, LIGHT, SAFE, ANSI)
