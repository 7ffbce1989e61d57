"""All keys, and what the signs mean."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

Sections = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]

SECTIONS: Sections = (
    (
        "Move",
        (
            ("tab  1 2 3 …", "next pane; the tables, the stream"),
            ("j k  ↓ ↑", "down, up"),
            ("g G", "first, last"),
            ("ctrl+f ctrl+b", "a page down, up"),
        ),
    ),
    (
        "See",
        (
            ("/", "filter the pane: regular expression, ! inverts, esc clears"),
            ("n 0", "choose a namespace, all of them; :ns NAME"),
            ("ctrl+z", "faults only, and back"),
            ("p", "pause or follow the stream"),
            ("enter d", "all of the object: owners, children, conditions, containers, Events, heals"),
            ("y", "YAML of the object"),
            ("X", "why it is as it is, on what evidence; :why KIND/NAME"),
            ("h", "its history: each version, what changed in it and who did it"),
            ("l", "logs of the pod, or of all pods of the object: / n N search, p previous, 0-6 since"),
            (":can-i  c", "permissions; copy the RBAC rule that is missing"),
            ("E", "errors in full, with their tracebacks"),
            ("ctrl+p", "find a command or an object by a part of its name"),
            (":", "any kind, as :deployments; :problems :pulse :heals :queue :watches :controllers"),
            ("[ ]", "earlier and later heals of the object"),
            ("N A S  < >  O", "sort by name, age, status; other columns; other way round"),
            ("t", "times of the stream: the clock, or since the line before"),
            (":notify", "ring when the object changes its state; :journal what you have changed"),
            (":bundle", "all about the object as one file to hand over, without secrets"),
            ("ctrl+s", "save the stream (JSON lines), the table (CSV), or else the screen (SVG)"),
            ("ctrl+r", "save the last 15 minutes of events, for reconsole replay"),
        ),
    ),
    (
        "Do",
        (
            ("space", "mark, for deleting several"),
            ("s e", "scale it; edit it as YAML in $EDITOR"),
            ("R", "restart it: its pods one after the other"),
            ("P", "let the operator leave it alone, or look after it again"),
            ("ctrl+d", "delete the object or the marked ones, after a question"),
            ("q", "quit, after a question"),
            ("ctrl+c twice", "quit at once"),
        ),
    ),
    (
        "Signs",
        (
            ("+ ADDED", "new"),
            ("~ MODIFIED", "changed, and what"),
            ("− DELETED", "gone"),
            ("↻ RECONCILE", "the controller looked: how long, how many writes"),
            ("✓ HEALED", "from the delete request to a ready replacement"),
            ("● ◌ ↻ ✗", "a watch: live, starting, connecting again, refused"),
        ),
    ),
)


def help_text(log_file: str = "", more: Sections = ()) -> Content:
    parts = [Content.assemble(("Log  ", "bold $accent"), (log_file, ""))] if log_file else []
    for title, entries in (*more, *SECTIONS):
        if parts:
            parts.append(Content(""))
        parts.append(Content.assemble((title, "bold $accent")))
        parts += [Content.assemble((f"  {keys:<15}", "bold"), (what, "")) for keys, what in entries]
    return Content("\n").join(parts)


class Help(ModalScreen[None]):
    CSS_PATH = "help.tcss"
    BINDINGS = [
        Binding("escape,q,question_mark", "dismiss", "Close", id="help.close"),
        Binding("j", "scroll(1)", "Down", show=False, id="help.down"),
        Binding("k", "scroll(-1)", "Up", show=False, id="help.up"),
    ]

    def __init__(self, log_file: str = "", more: Sections = ()) -> None:
        """``more`` comes before the keys that are always there."""
        super().__init__()
        self._log_file = log_file
        self._more = more

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help") as box:
            box.border_title = "Help"
            box.border_subtitle = "esc closes"
            yield Static(help_text(self._log_file, self._more))

    def action_scroll(self, step: int) -> None:
        self.query_one("#help").scroll_relative(y=step, animate=False)
