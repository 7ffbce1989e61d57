"""The matrix of permissions, and the card of what is missing: from the denial to the remedy."""

from __future__ import annotations

import re

import pytest

from controller_runtime.events import ApiWrite, QueueItem, QueueSnapshot
from tests.tui.screen import Console, console
from tests.tui.world import FORBIDDEN, OPERATOR
from tui.commands import Command, parse


async def matrix(c: Console, *more: str) -> str:
    await c.press("colon", *" ".join(("can-i", *more)), "enter")
    return await look(c)


async def look(c: Console) -> str:
    await c.show()
    await c.pilot.pause(0.6)
    return c.text


def cells(text: str, resource: str) -> str:
    line = next(line for line in text.splitlines() if re.match(rf"│ ?{resource} ", line))
    return "".join(re.findall(r"[✓✗!·]", line))


async def test_what_is_needed_is_shown_against_what_is_had() -> None:
    async with console() as c:
        text = await matrix(c)
        assert "asking the server" in text
        c.world.review("create services", undeclared="get secrets")
        c.world.review("list pods", role="person", identity="jane")
        text = await look(c)
        assert OPERATOR in text
        assert "✗ 1 missing of 9" in text
        assert "you: jane" in text
        assert cells(text, "redis") == "·✓✓·✓"
        assert cells(text, "pods") == "·✓✓✓✗"
        assert cells(text, "services") == "·✓✓✗✓"
        assert "secrets *" in text
        # The cursor is on what is missing, and its card names what nearly gives it.
        await c.press("enter")
        text = await look(c)
        assert "MISSING · create services" in text
        assert "(SelfSubjectAccessReview) the server says no" in c.card
        assert "ClusterRoleBinding b gives ClusterRole r, which is nearly it" in c.card
        await c.press("escape", "r")
        assert c.actions.asked == [("review", "")]


async def test_somebody_else_is_shown_beside_the_operator_or_why_not() -> None:
    async with console() as c:
        c.world.review()
        text = await matrix(c, "system:serviceaccount:a:ci")
        assert c.actions.asked == [("review", "system:serviceaccount:a:ci")]
        assert "◌ asking" in text
        c.world.review("list pods", "watch pods", role="subject", identity="system:serviceaccount:a:ci")
        text = await look(c)
        assert "✗ list, watch" in text
        why = 'users "x" is forbidden: cannot impersonate resource "users"'
        c.world.review(role="subject", identity="system:serviceaccount:a:ci", message=why)
        await look(c)
        assert "cannot ask as system:serviceaccount:a:ci: users" in c.flat


async def test_from_the_denial_to_the_rule_to_restored() -> None:
    async with console(denied=True) as c:
        c.world.reconcile(7)
        c.world.review("list services", "watch services")
        await c.show()
        await matrix(c)
        await c.press("enter")
        await look(c)
        assert FORBIDDEN in c.card
        for words in (
            "attempt 4", "next try in 8 s",
            "the table Services is blind", "reconciled without a view of services: Redis default/my-op-redis",
            'verbs: ["list", "watch"]', '@rbac(groups="", resources="services", verbs="list;watch")',
            "the role on the cluster is older", f"kubectl auth can-i list services -A \\ --as={OPERATOR}",
        ):  # fmt: skip
            assert words in c.card, words
        await c.press("r")
        assert c.actions.asked == [("retry",)]
        await c.press("a")
        await c.until(lambda: "✓ yes" in c.text)
        assert "Add this rule?" in c.text
        assert "kind: ClusterRoleBinding" in c.text
        await c.press("y")
        kind, role, binding = c.actions.asked[-1]
        assert (kind, role) == ("apply", binding)
        assert role in c.flat or "reconsole-granted-services" in role
        c.world.now += 41
        c.world.watch("Service", objects=1)
        c.world.review()
        await look(c)
        assert "✓ RESTORED after 41 s" in c.text


@pytest.mark.parametrize("allowed", [True, False])
async def test_a_rule_is_added_by_whom_may(allowed: bool) -> None:
    async with console(denied=True, allowed=allowed, read_only=allowed) as c:
        await c.press("w", "a")
        if allowed:
            await c.until(lambda: "this console is read-only" in c.flat)
        else:
            await c.until(lambda: "✗ you may not patch clusterrolebindings" in c.flat)
            await c.press("y")
        assert c.actions.asked == []


async def test_a_right_that_is_gone_shows_while_its_watch_is_open() -> None:
    async with console((160, 36)) as c:
        c.world.review()
        await c.show()
        c.world.review("watch services")
        text = await c.show()
        assert "Services ! will be lost at the next reconnect" in text
        assert "WILL BE LOST AT THE NEXT RECONNECT · Services" in text
        assert "REVOKED" in text
        assert cells(await matrix(c), "services") == "✓!✓"
        await c.press("escape")
        c.world.now += 5
        c.world.review()
        text = await c.show()
        assert "will be lost" not in text.lower()
        assert "RESTORED  watch services after 5 s" in text


async def test_what_comes_back_is_said_once() -> None:
    async with console(denied=True) as c:
        c.world.review("list services", "watch services")
        await c.show()
        c.world.now += 5
        c.world.watch("Service", objects=1)
        c.world.review()
        text = await c.show()
        assert text.count("✓ RESTORED") == 1


async def test_a_refused_write_that_no_marker_asks_for_is_a_row_with_a_card() -> None:
    async with console() as c:
        c.world.refuse("default/my-op-redis", 9)
        c.world.review("create pods", undeclared="create pods")
        waits = QueueItem("default/my-op-redis", ready_in=4.0, failures=3)
        c.world.bus.publish(QueueSnapshot(at=c.world.now, controller="redis", items=(waits,)))
        await c.show()
        await matrix(c)
        await c.press("enter")
        await look(c)
        assert "No marker asks for it" in c.card
        assert 'User "operator" cannot create resource "pods"' in c.card
        assert "waiting for it: default/my-op-redis" in c.card
        assert "refused 1 time · for 0.0s · next try in 4 s" in c.card


async def test_rights_are_revoked_and_granted_by_command() -> None:
    async with console() as c:
        c.world.review()
        await c.show()
        await c.press("colon", *"revoke services", "enter")
        await c.press("colon", *"grant services", "enter")
        rule = '- apiGroups: [""]\n  resources: ["services"]\n  verbs: ["create", "list", "watch"]\n'
        assert c.actions.asked == [("revoke", OPERATOR, "services"), ("grant", OPERATOR, "services", rule)]
        await c.press("colon", *"revoke bananas", "enter")
        await c.until(lambda: "Say which resource" in c.flat)


def test_the_words_of_the_command_line() -> None:
    assert parse(":can-i jane") == Command("app.can_i", "jane")
    assert parse("permissions") == Command("app.can_i")
    assert parse("revoke services") == Command("app.revoke", "services")


async def test_a_kind_that_is_not_installed_is_installed_from_its_card() -> None:
    async with console() as c:
        c.world.watch(
            "Redis", "reconnecting", verb="list", attempts=1, status=404, remedy="its kind is not installed",
            message="the cluster does not know redis.myapp.tangx.in v1",
        )  # fmt: skip
        text = await c.show()
        assert "NOT INSTALLED · Redis" in text
        await c.press("w", "a")
        await c.until(lambda: "✓ yes" in c.text)
        assert "Install this definition?" in c.text
        await c.press("y")
        assert c.actions.asked == [("apply", "redis.myapp.tangx.in")]


async def test_what_admission_refuses_is_not_taken_for_a_missing_rule() -> None:
    async with console((160, 36)) as c:
        ref = c.world.ref("Pod", "my-op-redis-0", "")
        c.world.bus.publish(
            ApiWrite(
                at=c.world.now, verb="create", ref=ref, reconcile="id-1", status=403,
                error='pods "my-op-redis-0" is forbidden: exceeded quota: small', remedy="raise the quota",
            )
        )  # fmt: skip
        text = await c.show()
        assert "REFUSED BY ADMISSION · create Pods in default" in text
        assert "exceeded quota: small; raise the quota" in text
        await c.press("w")
        assert "to do raise the quota" in c.card
        await c.press("a")
        await c.until(lambda: "no rule is missing" in c.flat)


@pytest.mark.parametrize("size", [(80, 24), (60, 15)])
async def test_the_buttons_are_in_sight_however_long_what_is_applied(size: tuple[int, int]) -> None:
    async with console(size, denied=True) as c:
        await c.press("w", "a")
        await c.until(lambda: "Apply  y" in c.text and "✓ yes" in c.text)
        assert "apiVersion: rbac" in c.text
