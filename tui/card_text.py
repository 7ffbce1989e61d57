"""What a card says of a denial or failure: whose words, what is broken by it, and how it is mended."""

from __future__ import annotations

from collections.abc import Iterable

from textual.content import Content

from controller_runtime.kube.markers import Marker, in_python
from controller_runtime.kube.rules import PolicyRule, to_yaml
from controller_runtime.kube.terminal import safe_text
from tui.rights import blind, find
from tui.state import ConsoleState
from tui.troubles import NOT_INSTALLED, Problem

LABEL = 11  # cells


def card_text(problem: Problem, identity: str, state: ConsoleState) -> Content:
    rows = [Content.assemble((safe_text(line), "bold")) for line in problem.message.splitlines()]
    rule = problem.rule
    rows.append(Content(""))
    facts = [("as", identity), ("tried", problem.tries)]
    if rule is not None:
        groups = ", ".join(f'"{group}"' for group in rule.api_groups)
        scope = problem.namespace or "all: the cluster scope"
        facts = [
            ("verb", ", ".join(rule.verbs)), ("resource", ", ".join(rule.resources)), ("API group", groups),
            ("path", ", ".join(rule.non_resource_urls)), ("namespace", scope), *facts,
        ]  # fmt: skip
    rows += [_fact(label, value) for label, value in facts if value]
    if problem.remedy and rule is None:
        rows.append(_fact("to do", problem.remedy))
    if rule is not None:
        rows += _remedy(problem, rule, identity, state)
    elif problem.key[0] == "ended":
        rows += _muted("What is shown is the last that was known. r starts an empty cluster in its place.")
    elif problem.key[0] == NOT_INSTALLED:
        rows += _muted("a installs its definition, after a question. reconsole manifests crd prints it.")
    elif problem.key[0] in ("unreachable", "connection"):
        rows += _muted(
            "What is shown is the last that was known. It goes on by itself when the server answers."
        )
    return Content("\n").join(rows)


def _remedy(problem: Problem, rule: PolicyRule, identity: str, state: ConsoleState) -> list[Content]:
    rights = [right for right in find(state, rule, problem.namespace) if not right.allowed]
    almost = list(dict.fromkeys(sentence for right in rights for sentence in right.almost))
    rows = []
    for label, sentences in (("broken", blind(state, rule, problem.namespace)), ("almost", almost)):
        rows += [_fact(label if not number else "", said) for number, said in enumerate(sentences)]
    where = f"a Role in {problem.namespace}" if problem.namespace else "a ClusterRole"
    rows += _muted(f"The rule that is missing; add it to {where}:")
    rows += _code(to_yaml([rule]).splitlines())
    is_declared = not rights or all(right.declared for right in rights)
    said = (
        "The marker asks for it, so the role on the cluster is older, or was changed:"
        if is_declared
        else "No marker asks for it. This one on the reconciler puts it into reconsole manifests rbac:"
    )
    rows += _muted(said)
    rows += _code([in_python(Marker(rule))])
    rows += _muted("To see whether it is there:")
    first, *others = check_commands(problem, identity)
    rows += _code(first.replace(" --as=", " \\\n  --as=").splitlines())
    if others:
        rows += _code([f"(and the same for {', '.join(rule.verbs[1:])})"])
    rows += _muted("This goes by itself when the rule is there.")
    return rows


def check_commands(problem: Problem, identity: str) -> list[str]:
    """What to type into a shell to see whether the rule is there, a line for each verb."""
    rule = problem.rule
    assert rule is not None
    who = f" --as={identity}" if identity else ""
    if rule.non_resource_urls:
        return [f"kubectl auth can-i {verb} {rule.non_resource_urls[0]}{who}" for verb in rule.verbs]
    resource, _, subresource = rule.resources[0].partition("/")
    group = rule.api_groups[0] if rule.api_groups else ""
    what = f"{resource}.{group}" if group else resource
    if rule.resource_names:
        what += f"/{rule.resource_names[0]}"
    what += f" --subresource={subresource}" if subresource else ""
    where = f" -n {problem.namespace}" if problem.namespace else " -A"
    return [f"kubectl auth can-i {verb} {what}{where}{who}" for verb in rule.verbs]


def _fact(label: str, value: str) -> Content:
    return Content.assemble((f"{label:<{LABEL}}", "$muted"), (safe_text(value), ""))


def _muted(text: str) -> list[Content]:
    return [Content(""), Content.assemble((safe_text(text), "$muted"))]


def _code(lines: Iterable[str]) -> list[Content]:
    return [Content.assemble((f"  {safe_text(line)}", "$accent")) for line in lines]
