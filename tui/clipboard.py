"""Copying: by the desktop's own tool where there is one, and by the terminal's escape sequence."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from textual.app import App

# The tool, and the variable without which it has no desktop to talk to.
TOOLS = (
    ("wl-copy", ("wl-copy",), "WAYLAND_DISPLAY"),
    ("xclip", ("xclip", "-selection", "clipboard"), "DISPLAY"),
    ("xsel", ("xsel", "--clipboard", "--input"), "DISPLAY"),
)
PATIENCE = 1.0  # seconds


def copy(app: App[int], text: str, what: str) -> str:
    """Copy ``text``; returns what to say of it. A terminal does not answer: of that way nothing is sure."""
    app.copy_to_clipboard(text)
    tool = _by_tool(text)
    if tool:
        return f"{what} is in the clipboard, by {tool}."
    return f"{what} was sent to the terminal's clipboard (OSC 52); some terminals ignore that."


def _by_tool(text: str) -> str:
    tools = list(TOOLS)
    if sys.platform == "darwin":
        tools.insert(0, ("pbcopy", ("pbcopy",), "PATH"))
    for name, command, variable in tools:
        if os.environ.get(variable) and shutil.which(name):
            try:
                subprocess.run(
                    command, input=text.encode(), timeout=PATIENCE, check=True,
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                )  # fmt: skip
            except (OSError, subprocess.SubprocessError):
                continue
            return name
    return ""
