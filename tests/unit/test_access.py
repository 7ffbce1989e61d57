"""What the person may do is asked once, remembered, and asked again."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from typing import Any, cast

from controller.access import AGAIN, FRESH, Access
from controller_runtime.client.client import Client
from controller_runtime.kube.errors import Unreachable
from controller_runtime.kube.kinds import Pod
from controller_runtime.kube.resource import Ref, Resource
from controller_runtime.kube.rules import PolicyRule

POD = Ref("Pod", "default", "a", "u")


class Server:
    """Answers reviews when the test lets it: ``work`` does what was submitted."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked: list[tuple[str, str, str]] = []
        self.denied: set[str] = set()
        self.is_away = False
        self.todo: list[Any] = []
        self.client: Future[Client] = Future()
        self.access = Access(lambda: self.client, cast(Executor, self), lambda: self.now)

    def submit(self, function: Any, *arguments: Any) -> None:
        self.todo.append((function, arguments))

    def work(self) -> int:
        done = len(self.todo)
        while self.todo:
            function, arguments = self.todo.pop()
            function(*arguments)
        return done

    def connect(self) -> None:
        self.client.set_result(cast(Client, self))

    def resource_of(self, ref: Ref) -> Resource:
        return Pod.resource

    def can_i(self, verb: str, resource: Resource, namespace: str, *, subresource: str) -> tuple[bool, str]:
        self.asked.append((verb, subresource, namespace))
        if self.is_away:
            raise Unreachable("refused")
        return verb not in self.denied, ""


def test_one_question_answers_for_all_objects_of_a_namespace_until_it_is_old() -> None:
    server = Server()
    assert server.access.ask("edit", POD).allowed is None
    assert server.work() == 0  # there is nobody to ask yet
    server.connect()
    server.access.ask("edit", POD)
    server.access.ask("label", POD)
    assert server.work() == 1
    assert server.access.ask("annotate", Ref("Pod", "default", "b", "v")).allowed is True
    assert server.work() == 0
    server.denied.add("patch")
    server.now = FRESH
    assert server.access.ask("edit", POD).allowed is True  # what was known, until there is an answer
    server.work()
    assert server.access.ask("edit", POD).allowed is False
    server.access.forget()
    server.denied.clear()
    server.access.ask("edit", POD)
    server.work()
    assert server.access.ask("edit", POD).allowed is True


def test_a_refusal_names_the_verb_and_the_rule() -> None:
    server = Server()
    server.connect()
    server.denied.add("patch")
    server.access.ask("scale", POD)
    server.work()
    verdict = server.access.ask("scale", POD)
    assert server.asked == [("patch", "scale", "default")]
    assert verdict.message == "you may not patch pods/scale in the namespace default"
    assert verdict.rule == PolicyRule(("",), ("pods/scale",), ("patch",))


def test_no_answer_is_no_verdict_and_is_asked_for_again_later() -> None:
    server = Server()
    server.connect()
    server.is_away = True
    server.access.ask("delete", POD)
    server.work()
    assert server.access.ask("delete", POD).allowed is None
    assert server.work() == 0
    server.now = AGAIN
    server.is_away = False
    server.access.ask("delete", POD)
    server.work()
    assert server.access.ask("delete", POD).allowed is True
