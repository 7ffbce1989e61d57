"""``reconsole why KIND/NAME``: the explanation of one object, printed."""

from __future__ import annotations

import sys

import msgspec

from controller_runtime.client.client import Client
from controller_runtime.kube.errors import ApiError, NotFound, Unreachable
from controller_runtime.kube.terminal import safe_text
from reconsole.advice import sentence
from reconsole.cluster import client_of
from reconsole.options import Failure, Options
from why.explain import explain
from why.finding import Explanation
from why.gather import find_resource, gather


def run_why(options: Options, words: str) -> int:
    """0 when all is well, 1 when something is broken or cannot be looked at."""
    try:
        explanation = _explanation(client_of(options, person=True), words, options)
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    print(_json(explanation) if options.output == "json" else text(explanation))
    return 0 if explanation.is_well else 1


def _explanation(client: Client, words: str, options: Options) -> Explanation:
    kind, slash, name = words.partition("/")
    if not slash or not name or "/" in name:
        raise Failure(f"{words!r} names no object: write KIND/NAME, as in pod/my-op-redis-0")
    try:
        resource = find_resource(client, kind)
        if resource is None:
            raise Failure(f"the server serves no {kind!r}: see kubectl api-resources")
        namespace = (*options.namespaces, "default")[0] if resource.namespaced else ""
        obj, world = gather(client, resource, namespace, name)
    except NotFound as error:
        raise Failure(f"{error.message}; name its namespace with -n") from error
    except ApiError as error:
        raise Failure(error.message) from error
    except Unreachable as error:
        raise Failure(sentence(client.host, error)) from error
    return explain(obj, world)


def _json(explanation: Explanation) -> str:
    return msgspec.json.encode(explanation).decode()


def text(explanation: Explanation) -> str:
    """For a terminal: the sentence, then what was found, with its evidence."""
    mark = {"broken": "✗", "warning": "!", "note": "·"}
    lines = [safe_text(explanation.sentence)]
    for finding in explanation.findings:
        guess = " (inferred)" if finding.inferred else ""
        lines.append(f"  {mark[finding.severity]} {safe_text(finding.says)}{guess}")
        about = finding.about.kind + "/" + finding.about.key
        details = [finding.evidence, f"since {finding.since}" if finding.since else "", about]
        lines += [f"      {safe_text(detail)}" for detail in details if detail]
        if finding.remedy:
            lines.append(f"      → {safe_text(finding.remedy)}")
    lines += [f"  ? not seen: {safe_text(unseen)}" for unseen in explanation.unseen]
    return "\n".join(lines)
