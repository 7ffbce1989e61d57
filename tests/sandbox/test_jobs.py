"""Jobs and CronJobs, through the API; and schedules."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from controller_runtime.kube.resource import Resource
from controller_runtime.kube.times import parse_time
from sandbox.apiobjects import PODS
from sandbox.controllers.workloads import cron
from sandbox.controllers.workloads.cronjob import CronJobController
from sandbox.controllers.workloads.job import JobController, parse_indexes, write_indexes
from sandbox.workloadobjects import CRON_JOBS, JOBS

from .nodeside import Json, World, eventually, kubeconfig, node_world, world
from .test_workloads import condition

__all__ = ["kubeconfig", "node_world", "world"]

PREFIX = "sandbox.reconsole.dev/"


def spec_of(*, annotations: Json | None = None, restart: str = "Never", **spec: Any) -> Json:
    pod = {"restartPolicy": restart, "containers": [{"name": "main", "image": "busybox"}]}
    return {"template": {"metadata": {"annotations": annotations or {}}, "spec": pod}, **spec}


def is_over(item: Json) -> Any:
    return condition(item, "Complete") or condition(item, "Failed")


async def test_a_job_runs_until_enough_have_ended_well(node_world: World) -> None:
    await node_world.create(
        JOBS, {"metadata": {"name": "sum"}, "spec": spec_of(completions=5, parallelism=2)}
    )
    most = 0

    def done(item: Json) -> Any:
        nonlocal most
        most = max(most, item["status"].get("active", 0))
        return is_over(item)

    found = await node_world.until(JOBS, "sum", done)
    assert most == 2
    assert found["status"]["succeeded"] == 5
    assert condition(found, "SuccessCriteriaMet")["reason"] == "CompletionsReached"
    assert found["status"]["completionTime"] >= found["status"]["startTime"]
    pods = await node_world.items(PODS)
    assert Counter(p["status"]["phase"] for p in pods) == {"Succeeded": 5}

    async def let_go() -> bool:
        return not any(p["metadata"].get("finalizers") for p in await node_world.items(PODS))

    await eventually(let_go)


async def test_a_job_gives_up(node_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JobController, "backoff", 0.01)
    wrong = spec_of(backoffLimit=2, annotations={f"{PREFIX}exit-code": "3"})
    await node_world.create(JOBS, {"metadata": {"name": "wrong"}, "spec": wrong})
    found = await node_world.until(JOBS, "wrong", is_over)
    assert condition(found, "Failed")["reason"] == "BackoffLimitExceeded"
    assert found["status"]["failed"] == 3
    pods = await node_world.items(PODS)
    ended = [p["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] for p in pods]
    assert ended == [3, 3, 3]


async def test_an_indexed_job_does_each_index_and_a_ttl_ends_it(node_world: World) -> None:
    spec = spec_of(completions=3, parallelism=3, completionMode="Indexed", ttlSecondsAfterFinished=1)
    await node_world.create(JOBS, {"metadata": {"name": "each"}, "spec": spec})
    found = await node_world.until(JOBS, "each", is_over)
    assert found["status"]["completedIndexes"] == "0-2"
    labels = [p["metadata"]["labels"] for p in await node_world.items(PODS)]
    assert sorted(x["batch.kubernetes.io/job-completion-index"] for x in labels) == ["0", "1", "2"]
    await node_world.gone(JOBS, "each")

    async def none() -> bool:
        return not await node_world.items(PODS)

    await eventually(none)


async def test_a_suspended_job_waits_and_goes_on(node_world: World) -> None:
    spec = spec_of(suspend=False, annotations={f"{PREFIX}run-for": "60"})
    await node_world.create(JOBS, {"metadata": {"name": "nap"}, "spec": spec})
    await node_world.until(JOBS, "nap", lambda o: o["status"].get("ready") == 1)
    await node_world.apply(JOBS, "nap", {"spec": {"suspend": True}})
    found = await node_world.until(JOBS, "nap", lambda o: condition(o, "Suspended").get("status") == "True")
    assert not found["status"].get("failed")

    async def none() -> bool:
        return not await node_world.items(PODS)

    await eventually(none)
    await node_world.apply(JOBS, "nap", {"spec": {"suspend": False}})
    found = await node_world.until(JOBS, "nap", lambda o: o["status"].get("ready") == 1)
    assert condition(found, "Suspended")["status"] == "False"
    await node_world.client.delete(JOBS.path(node_world.namespace, "nap"), propagation="Background")
    await eventually(none)


@pytest.mark.parametrize(("policy", "jobs"), [("Allow", 2), ("Forbid", 1), ("Replace", 1)])
async def test_a_cron_job_starts_jobs(
    node_world: World, monkeypatch: pytest.MonkeyPatch, policy: str, jobs: int
) -> None:
    template = {"spec": spec_of(annotations={f"{PREFIX}run-for": "60"})}
    spec = {"schedule": "* * * * *", "concurrencyPolicy": policy, "jobTemplate": template}
    made = await node_world.create(CRON_JOBS, {"metadata": {"name": "tick"}, "spec": spec})
    began = parse_time(made["metadata"]["creationTimestamp"]) or 0.0

    async def at(minutes: int, reason: str, times: int) -> None:
        """So many minutes after the creation, where the clock of the controller stands; and what it does."""
        monkeypatch.setattr(CronJobController, "clock", lambda _: began + 60 * minutes)
        await node_world.annotate(CRON_JOBS, "tick", {"now": str(minutes)})

        async def said() -> bool:
            events = await node_world.events(reason)
            return [e["involvedObject"]["kind"] for e in events].count("CronJob") >= times

        await eventually(said)

    await at(1, "SuccessfulCreate", 1)
    await at(2, *(("JobAlreadyActive", 1) if policy == "Forbid" else ("SuccessfulCreate", 2)))
    found = await node_world.until(CRON_JOBS, "tick", lambda o: len(o["status"].get("active", ())) == jobs)
    assert found["status"]["lastScheduleTime"]
    last, *_ = await eventually(lambda: node_world.items(JOBS))
    assert last["metadata"]["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"]


def moment(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=cron.zone_of(zone)).timestamp()


@pytest.mark.parametrize(
    ("schedule", "after", "fires"),
    [
        ("*/15 * * * *", "2026-03-01T10:07:30", "2026-03-01T10:15"),
        ("0 9-17/4 * * mon-fri", "2026-03-06T17:30", "2026-03-09T09:00"),
        ("30 4 1,15 * 5", "2026-03-02T00:00", "2026-03-06T04:30"),
        ("0 0 29 2 *", "2026-03-01T00:00", "2028-02-29T00:00"),
        ("@weekly", "2026-03-01T00:00", "2026-03-08T00:00"),
        ("0 12 * jan *", "2026-03-01T00:00", "2027-01-01T12:00"),
        ("0 0 * * 7", "2026-03-02T00:00", "2026-03-08T00:00"),
    ],
)
def test_schedules(schedule: str, after: str, fires: str) -> None:
    assert cron.parse(schedule).after(moment(after)) == moment(fires)


def test_a_time_that_the_clocks_skip_is_none() -> None:
    berlin = "Europe/Berlin"
    found = cron.parse("30 2 * * *").after(moment("2026-03-28T12:00", berlin), cron.zone_of(berlin))
    assert found == moment("2026-03-30T02:30", berlin)
    assert cron.parse("0 0 31 2 *").after(0.0) is None
    assert cron.parse("@every 1h30m").after(100.0, UTC) == 5500.0


@pytest.mark.parametrize("text", ["* * * *", "60 * * * *", "* * * foo *", "*/0 * * * *", "5-1 * * * *"])
def test_what_is_no_schedule(text: str) -> None:
    with pytest.raises(ValueError, match=r"fields|is no"):
        cron.parse(text)


def test_indexes() -> None:
    assert write_indexes({0, 1, 2, 5, 7, 8}) == "0-2,5,7,8"
    assert parse_indexes("0-2,5,7,8") == {0, 1, 2, 5, 7, 8}


async def test_tables_of_what_makes_pods(node_world: World) -> None:
    sums = spec_of(completions=2, parallelism=2)
    await node_world.create(JOBS, {"metadata": {"name": "sum"}, "spec": sums})
    await node_world.until(JOBS, "sum", is_over)
    spec = {"schedule": "*/5 * * * *", "jobTemplate": {"spec": spec_of()}}
    await node_world.create(CRON_JOBS, {"metadata": {"name": "tick"}, "spec": spec})

    async def cells(resource: Resource, name: str) -> dict[str, Any]:
        accept = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
        path = resource.path(node_world.namespace, name)
        async with node_world.client._requests.get(path, headers=accept) as answer:  # type: ignore[union-attr]
            table = await answer.json()
        names = [column["name"] for column in table["columnDefinitions"]]
        return dict(zip(names, table["rows"][0]["cells"], strict=True))

    job = await cells(JOBS, "sum")
    assert (job["Status"], job["Completions"], job["Containers"]) == ("Complete", "2/2", "main")
    assert job["Duration"].endswith("s")
    tick = await cells(CRON_JOBS, "tick")
    assert (tick["Schedule"], tick["Timezone"], tick["Active"]) == ("*/5 * * * *", "<none>", 0)
