"""Admission webhooks: who is asked about a write, in which order, and what their answers do.

Source: staging/src/k8s.io/apiserver/pkg/admission/plugin/webhook (mutating/dispatcher.go,
validating/dispatcher.go, request/admissionreview.go, errors/statuserror.go) of kubernetes/kubernetes.
"""

import asyncio
import base64
import binascii
from dataclasses import dataclass

import msgspec

from sandbox.apiserver.admission import matching
from sandbox.apiserver.admission.expressions import ExpressionError
from sandbox.apiserver.admission.registrations import MUTATING, VALIDATING
from sandbox.apiserver.admission.writes import Write
from sandbox.apiserver.machinery.apierrors import StatusError, bad_request, quote
from sandbox.apiserver.machinery.jsonobject import Obj, copy
from sandbox.apiserver.machinery.resources import Resource
from sandbox.apiserver.registry.cluster_state import Cluster
from sandbox.apiserver.requests import decoding, patch
from sandbox.apiserver.requests.decoding import Ingest
from sandbox.apiserver.requests.webhookclient import CallError, WebhookClient

_REVIEW = {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1"}


@dataclass(frozen=True, slots=True)
class _Asked:
    """A webhook that is concerned, and under which resource."""

    hook: Obj
    resource: Resource


class Webhooks:
    """Asks the configured webhooks about a write; StatusError when one refuses, or fails and must not."""

    def __init__(self, cluster: Cluster, ingest: Ingest, client: WebhookClient) -> None:
        self._cluster, self._ingest, self._client = cluster, ingest, client
        self._known: dict[str, tuple[int, list[Obj]]] = {}

    @property
    def any(self) -> bool:
        """Is there a configuration at all? Without one nothing here costs anything."""
        store = self._cluster.store
        return bool(store.bucket(MUTATING).objects or store.bucket(VALIDATING).objects)

    async def ask(self, write: Write) -> None:
        """The mutating ones, or the validating ones when the write is final."""
        if matching.exempt(write):
            return
        if write.final:
            await self._validate(write)
        else:
            await self._mutate(write)

    def _hooks(self, kind: str) -> list[Obj]:
        """Every webhook of a kind: by the names of their configurations, then as they stand there."""
        bucket = self._cluster.store.bucket(kind)
        known = self._known.get(kind)
        if known is None or known[0] != bucket.last_rv:
            configurations = [bucket.objects[key].decode() for key in bucket.ordered()]
            hooks = [hook for c in configurations for hook in c.get("webhooks") or []]
            known = self._known[kind] = (bucket.last_rv, hooks)
        return known[1]

    def _concerned(self, hook: Obj, write: Write) -> _Asked | None:
        cluster = self._cluster
        resource = matching.matched(hook, write, cluster.registry, cluster.store)
        if resource is None:
            return None
        if conditions := hook.get("matchConditions"):
            seen = matching.variables(matching.request(write, resource))
            try:
                if not matching.conditions_hold(conditions, seen):
                    return None
            except ExpressionError as error:
                if hook["failurePolicy"] == "Ignore":
                    return None
                raise write.forbidden(str(error)) from None
        return _Asked(hook, resource)

    # ---- mutating

    async def _mutate(self, write: Write) -> None:
        """One after the other; who asked for it is asked again when a later one changed the object."""
        asked: list[Obj] = []
        again: list[Obj] = []
        for hook in self._hooks(MUTATING):
            if (concerned := self._concerned(hook, write)) is None:
                continue
            if await self._changed(concerned, write):
                again = [h for h in asked if h["reinvocationPolicy"] == "IfNeeded"]
            asked.append(hook)
        for hook in again:
            if (concerned := self._concerned(hook, write)) is not None:
                await self._changed(concerned, write)

    async def _changed(self, asked: _Asked, write: Write) -> bool:
        """Apply the patch that a webhook answers with; did it change anything?"""
        answer = await self._answer(asked, write, mutating=True)
        origin = write.origin
        if answer is None or not answer.get("patch") or not write.obj:
            return False
        if origin.body is not None and origin.follow is None:
            return False
        resource = write.resource
        before = matching.outward(write.obj, resource) if origin.body is None else origin.body
        try:
            operations = msgspec.json.decode(base64.b64decode(answer["patch"], validate=True))
            after = patch.apply(patch.JSON, resource.group, before["kind"], copy(before), operations)
            if after == before:
                return False
            if origin.follow is None:
                self._ingest.check_kind(resource, after)
                write.obj = self._ingest.normal(resource, after, "Ignore", [])
            else:
                group, _, version = before["apiVersion"].rpartition("/")
                origin.body = decoding.checked(group, version, before["kind"], after)
                write.obj = copy(write.obj)
                origin.follow(write.obj, origin.body)
        except (binascii.Error, msgspec.DecodeError, TypeError) as error:
            raise _internal(str(error)) from None
        except StatusError as error:
            raise _internal(error.message) from None
        return True

    # ---- validating

    async def _validate(self, write: Write) -> None:
        """All at once; of several refusals the first in order is the answer."""
        concerned = [c for h in self._hooks(VALIDATING) if (c := self._concerned(h, write)) is not None]
        if not concerned:
            return
        answers = await asyncio.gather(
            *(self._answer(c, write, mutating=False) for c in concerned), return_exceptions=True
        )
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer

    # ---- one call

    async def _answer(self, asked: _Asked, write: Write, mutating: bool) -> Obj | None:
        """The response of a webhook that allows the write; None when it failed and may."""
        hook, name = asked.hook, asked.hook["name"]
        if write.origin.dry_run and hook.get("sideEffects") not in ("None", "NoneOnDryRun"):
            raise bad_request(f'admission webhook "{name}" does not support dry run')
        asking = matching.request(write, asked.resource)
        review = {**_REVIEW, "request": asking}
        try:
            answer = await self._client.post(hook["clientConfig"], hook["timeoutSeconds"], review)
            response = _checked(answer, asking["uid"], mutating)
        except CallError as error:
            if hook["failurePolicy"] == "Ignore":
                return None
            raise _internal(f"failed calling webhook {quote(name)}: {error}") from None
        write.origin.warnings += [str(w) for w in response.get("warnings") or []]
        if not response.get("allowed"):
            raise _denial(name, response.get("status") or {})
        return response


def _checked(answer: Obj, uid: str, mutating: bool) -> Obj:
    """The response in an AdmissionReview; CallError when it is not one."""
    lead = "received invalid webhook response: "
    found = f"{answer.get('apiVersion', '')}, Kind={answer.get('kind', '')}"
    if found != "admission.k8s.io/v1, Kind=AdmissionReview":
        want = "admission.k8s.io/v1, Kind=AdmissionReview"
        raise CallError(f"{lead}expected webhook response of {want}, got {found}")
    response = answer.get("response")
    if not isinstance(response, dict):
        raise CallError(f"{lead}webhook response was absent")
    if response.get("uid") != uid:
        got = quote(response.get("uid") or "")
        raise CallError(f"{lead}expected response.uid={quote(uid)}, got {got}")
    patched, kind = response.get("patch"), response.get("patchType")
    if not mutating:
        for key, value in (("patch", patched), ("patchType", kind)):
            if value:
                raise CallError(f"{lead}validating webhook may not return response.{key}")
    elif patched and kind is None:
        raise CallError(f"{lead}webhook returned response.patch but not response.patchType")
    elif kind is not None and not patched:
        raise CallError(f"{lead}webhook returned response.patchType but not response.patch")
    elif kind not in (None, "JSONPatch"):
        raise CallError(f"{lead}webhook returned invalid response.patchType of {quote(kind)}")
    return response


def _denial(name: str, status: Obj) -> StatusError:
    """The refusal of a webhook, with the code, reason and details that it chose."""
    lead = f"admission webhook {quote(name)} denied the request"
    why = status.get("message") or status.get("reason")
    message = f"{lead}: {why}" if why else f"{lead} without explanation"
    code = max(int(status.get("code") or 0), 400)
    return StatusError(code, str(status.get("reason") or ""), message, status.get("details"))


def _internal(message: str) -> StatusError:
    details: Obj = {"causes": [{"message": message}]}
    return StatusError(500, "InternalError", f"Internal error occurred: {message}", details)
