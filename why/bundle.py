"""One Markdown text to hand over: what is known of an object, without what nobody else should read. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from controller_runtime.kube.times import timestamp
from why.finding import Explanation
from why.words import text
from why.world import Obj, World, event_time, note, owners, regarding

REDACTED = "REDACTED"
_MOST_CHILDREN = 20
_MOST_EVENTS = 50

# Names whose values are credentials, in annotations, environment variables, arguments and logs.
_CREDENTIAL = re.compile(
    r"pass(word|wd|phrase)?$|token|secret|credential|api[-_.]?key|private[-_.]?key|auth(orization)?$", re.I
)
_ASSIGNED = re.compile(
    r"""(?ix) \b([\w.-]*(?:password|passwd|passphrase|token|secret|credentials?|api[-_]?key))
    (["']?\s*[=:]\s*["']?) ([^\s"',;&]+)"""
)
# What kubectl apply writes down about an object: all of it, so also what is replaced elsewhere.
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass
class _Paper:
    """The lines of the bundle, and what it holds and withholds."""

    lines: list[str] = field(default_factory=list)
    holds: list[str] = field(default_factory=list)
    withheld: dict[str, int] = field(default_factory=dict)

    def section(self, title: str, body: str, language: str = "") -> None:
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", body)), default=0))
        self.holds.append(title)
        self.lines += [f"## {title}", "", f"{fence}{language}", body.rstrip("\n"), fence, ""]

    def withhold(self, what: str, count: int = 1) -> None:
        self.withheld[what] = self.withheld.get(what, 0) + count


def bundle(
    obj: Obj,
    world: World,
    explanation: Explanation,
    *,
    versions: Mapping[str, str],
    timeline: Sequence[str] = (),
) -> str:
    """``versions``: of the programs, by name. ``timeline``: what was seen to happen, a line each."""
    paper = _Paper()
    paper.section("Explanation", _scrub(text(explanation), paper))
    paper.section("Versions", "\n".join(f"{name}: {version}" for name, version in versions.items()))
    paper.section(_title("Object", obj), _yaml(obj, paper), "yaml")
    above = {owner["uid"] for owner in owners(obj)}
    for other in world.objects:
        if other["metadata"].get("uid") in above and other["kind"] != "Event":
            paper.section(_title("Owner", other), _yaml(other, paper), "yaml")
    children = world.children(obj)
    for child in children[:_MOST_CHILDREN]:
        paper.section(_title("Child", child), _yaml(child, paper), "yaml")
    if len(children) > _MOST_CHILDREN:
        paper.withhold(f"children beyond the first {_MOST_CHILDREN}", len(children) - _MOST_CHILDREN)
    if events := _events(obj, children, world):
        paper.section("Events, the newest first", _scrub("\n".join(events), paper))
    if timeline:
        paper.section("Timeline", _scrub("\n".join(timeline), paper))
    for (namespace, pod, container), ending in sorted(world.logs.items()):
        title = f"End of the log of {namespace}/{pod}, container {container}"
        paper.section(title, _scrub(ending, paper))
    return "\n".join([*_front(obj, world, paper), *paper.lines]) + "\n"


def _front(obj: Obj, world: World, paper: _Paper) -> list[str]:
    lines = [f"# {_title('', obj).strip()}", "", f"Written {timestamp(world.now)}.", "", "It holds:", ""]
    lines += [f"* {title}" for title in paper.holds]
    lines += ["", "It withholds:", "", "* the values of Secrets, which were not read"]
    lines += [f"* {what}: {count}" for what, count in sorted(paper.withheld.items())]
    lines += [f"* {what}, which could not be read: {why}" for what, why in sorted(world.unseen.items())]
    return [*lines, ""]


def _title(role: str, obj: Obj) -> str:
    namespace = obj["metadata"].get("namespace", "")
    name = obj["metadata"]["name"]
    return f"{role} {obj['kind']} {namespace}/{name}" if namespace else f"{role} {obj['kind']} {name}"


def _events(obj: Obj, children: Sequence[Obj], world: World) -> list[str]:
    uids = {obj["metadata"].get("uid"), *(child["metadata"].get("uid") for child in children)}
    about = [event for event in world.of("Event") if regarding(event).get("uid") in uids]
    about.sort(key=event_time, reverse=True)
    return [
        f"{event_time(e)}  {e.get('type', '')}  {e.get('reason', '')}  "
        f"{regarding(e).get('kind', '')}/{regarding(e).get('name', '')}  {note(e)}"
        for e in about[:_MOST_EVENTS]
    ]


def _yaml(obj: Obj, paper: _Paper) -> str:
    shown = _clean(dict(obj), paper)
    if obj["kind"] == "Secret":
        shown = {k: v for k, v in shown.items() if k in ("apiVersion", "kind", "metadata", "type")}
        shown["metadata"].pop("annotations", None)
    shown["metadata"].pop("managedFields", None)
    return str(yaml.safe_dump(shown, sort_keys=False, allow_unicode=True, width=100))


def _clean(value: Any, paper: _Paper) -> Any:
    """A copy in which what looks like a credential is replaced."""
    if isinstance(value, list):
        return [_clean(item, paper) for item in value]
    if isinstance(value, str):
        return _scrub(value, paper)
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("name"), str) and "value" in value and _CREDENTIAL.search(value["name"]):
        paper.withhold("values of environment variables that look like credentials")
        return {**value, "value": REDACTED}
    cleaned: dict[str, Any] = {}
    for key, item in value.items():
        if key == _LAST_APPLIED:
            paper.withhold("last-applied configurations")
            cleaned[key] = REDACTED
        elif isinstance(item, str) and _CREDENTIAL.search(key) and not key.endswith(("Name", "name")):
            paper.withhold("fields and annotations that look like credentials")
            cleaned[key] = REDACTED
        else:
            cleaned[key] = _clean(item, paper)
    return cleaned


def _scrub(words: str, paper: _Paper) -> str:
    """Without the values that stand behind ``password=`` and the like."""
    words, count = _ASSIGNED.subn(rf"\1\2{REDACTED}", words)
    if count:
        paper.withhold("values in texts and logs that look like credentials", count)
    return words
