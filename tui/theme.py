"""Colours. The words of a change have their own, those that Kubernetes users know from k9s."""

from __future__ import annotations

from textual.theme import Theme

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

# New is blue, changed green-yellow, gone purple: no pair of red and green carries meaning.
CHANGES = {"muted": "#7d89a3", "added": "#5aa9ff", "modified": "#b5d94c", "deleted": "#b58cf5"}
