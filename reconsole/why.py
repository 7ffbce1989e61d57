"""``reconsole why KIND/NAME``: the explanation of one object, printed."""

from __future__ import annotations

import sys

import msgspec

from controller_runtime.client.client import Client
from controller_runtime.kube.errors import ApiError, NotFound, Unreachable
from reconsole.advice import sentence
from reconsole.cluster import client_of
from reconsole.options import Failure, Options
from why.asker import NoSuchObject, look_up
from why.explain import explain
from why.finding import Explanation
from why.gather import gather
from why.words import text


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
    try:
        resource, namespace, name = look_up(client, words, (*options.namespaces, "default")[0])
        obj, world = gather(client, resource, namespace, name)
    except NoSuchObject as error:
        raise Failure(str(error)) from error
    except NotFound as error:
        raise Failure(f"{error.message}; name its namespace with -n") from error
    except ApiError as error:
        raise Failure(error.message) from error
    except Unreachable as error:
        raise Failure(sentence(client.host, error)) from error
    return explain(obj, world)


def _json(explanation: Explanation) -> str:
    return msgspec.json.encode(explanation).decode()
