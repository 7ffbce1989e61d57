"""The HTTP side: connections, identities, routing, answers. Rules of the API are elsewhere."""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import unquote

from aiohttp import web

from sandbox.apiserver.auth.authn import ANONYMOUS, MASTERS, User, certified, impersonated
from sandbox.apiserver.auth.authz import Attributes
from sandbox.apiserver.machinery import apierrors
from sandbox.apiserver.machinery.apierrors import StatusError, forbidden, no_such_resource
from sandbox.apiserver.machinery.jsonobject import Obj
from sandbox.apiserver.printing import discovery, openapi_wire
from sandbox.apiserver.printing.openapi import OpenAPI
from sandbox.apiserver.registry.cluster_state import Cluster
from sandbox.apiserver.requests import decoding, figures, requestinfo, reviews
from sandbox.apiserver.requests.faults import Faults
from sandbox.apiserver.requests.negotiate import JSON_TYPE, Form, accepted, body, encode
from sandbox.apiserver.requests.requestinfo import RequestInfo
from sandbox.apiserver.requests.subresources import STREAMS, Subresources
from sandbox.apiserver.requests.verbs import Call, Verbs

log = logging.getLogger(__name__)

_SLICE = 1 << 18  # bytes
_HEADERS = {"Cache-Control": "no-cache, private"}
_AGGREGATED = "as=APIGroupDiscoveryList"
_AGGREGATED_TYPE = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_ENDPOINTS = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"
_BODY_SECONDS = 30.0
_IDLE_SECONDS = 120.0
_HEALTH = ("/healthz", "/livez", "/readyz")


class NotFoundPage(Exception):
    """A path that nothing serves: plain text, as upstream's mux answers."""


def _warned(response: web.Response, warnings: list[str]) -> web.Response:
    """The answer with what its reader should be warned of, each once."""
    for warning in dict.fromkeys(warnings):
        text = "".join(c if c.isprintable() else " " for c in warning)
        text = text.replace("\\", "\\\\").replace('"', '\\"')
        response.headers.add("Warning", f'299 - "{text}"')
    return response


class ApiServer:
    """One listening API server over one Cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.stopping = asyncio.Event()
        self.verbs = Verbs(cluster, self.stopping)
        self.subresources = Subresources(cluster, self.verbs)
        self.openapi = OpenAPI(cluster.registry, discovery.VERSION)
        self.faults = Faults(cluster, self._disconnect)
        self.figures: figures.FigureSource | None = None
        self.address = ""
        self._server: web.Server | None = None
        self._runner: web.ServerRunner | None = None

    def measure(self, source: figures.FigureSource) -> None:
        """Serve what pods and nodes use."""
        self.figures = source
        figures.register(self.cluster.registry)

    async def start(self, host: str, port: int, context: ssl.SSLContext) -> int:
        """Listen; returns the port. OSError when it is in use."""
        self._server = web.Server(
            self._handle, keepalive_timeout=_IDLE_SECONDS, access_log=None, handler_cancellation=True
        )
        self._runner = web.ServerRunner(self._server, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, ssl_context=context, backlog=1024)
        await site.start()
        bound: int = self._runner.addresses[0][1]
        self.address = f"{host}:{bound}"
        return bound

    async def stop(self) -> None:
        """End every stream, then every connection."""
        self.stopping.set()
        self.cluster.store.drop_watchers()
        if self._runner is not None:
            await self._runner.cleanup()
        await self.verbs.client.close()

    def _disconnect(self) -> None:
        """Break every connection, as a server that dies does."""
        for connection in self._server.connections if self._server else ():
            connection.force_close()
            if connection.transport is not None:
                connection.transport.abort()

    # ---- one request

    async def _handle(self, http: web.BaseRequest) -> web.StreamResponse:
        answer = await self._respond(http)
        body = answer.body if isinstance(answer, web.Response) else None
        if not isinstance(body, bytes) or len(body) <= _SLICE:
            return answer
        # In slices, at the reader's pace: TLS would hold a copy of it all, and aiohttp keeps the last
        # response of every idle connection.
        sliced = web.StreamResponse(status=answer.status, headers=answer.headers)
        sliced.content_length = len(body)
        with contextlib.suppress(ConnectionError):  # a reader that has gone away needs no answer
            await sliced.prepare(http)
            for at in range(0, len(body), _SLICE):
                await sliced.write(body[at : at + _SLICE])
            await sliced.write_eof()
        return sliced

    async def _respond(self, http: web.BaseRequest) -> web.StreamResponse:
        try:
            return await self._answer(http)
        except StatusError as error:
            headers = {"Retry-After": str(error.retry_after)} if error.retry_after else {}
            return _warned(self._json(error.code, encode(error.body()), headers), error.warnings)
        except NotFoundPage:
            return web.Response(status=404, text="404 page not found\n", headers=_HEADERS)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except RecursionError:
            # Nothing was written: an object is walked, checked and encoded before it is stored.
            return self._json(400, encode(apierrors.bad_request("json: exceeded max depth").body()))
        except Exception:
            # The client gets one sentence; the trace is for whoever runs the sandbox.
            log.exception("request failed: %s %s", http.method, http.path)
            message = "the sandbox could not handle this request; its own log says why"
            return self._json(500, encode(StatusError(500, "InternalError", message, {}).body()))

    @staticmethod
    def _json(code: int, data: bytes, headers: dict[str, str] | None = None) -> web.Response:
        head = {**_HEADERS, "Content-Type": JSON_TYPE, **(headers or {})}
        if head["Content-Type"].startswith(JSON_TYPE) and not data.endswith(b"\n"):
            data += b"\n"
        return web.Response(status=code, body=data, headers=head)

    async def _answer(self, http: web.BaseRequest) -> web.StreamResponse:
        user = self._impersonate(self._user(http), http)
        path = unquote(http.rel_url.raw_path)
        info = requestinfo.parse(http.method, path, http.query)
        attributes = info.attributes()
        if self.cluster.authorizer.check(user, attributes) is None:
            raise self._forbidden(user, info, attributes)
        await self.faults.before(info)
        if not info.is_resource:
            return await self._non_resource(http, info, user)
        return await self._resource(http, info, user)

    def _user(self, http: web.BaseRequest) -> User:
        header = http.headers.get("Authorization", "")
        if not header:
            shown = http.transport.get_extra_info("peercert") if http.transport else None
            return certified(shown) if shown else ANONYMOUS
        scheme, _, token = header.partition(" ")
        user = self.cluster.tokens.user(token.strip()) if scheme.lower() == "bearer" else None
        if user is None:
            raise apierrors.unauthorized()
        return user

    def _impersonate(self, user: User, http: web.BaseRequest) -> User:
        """The user that the Impersonate- headers name, if this one may speak for it."""
        headers = http.headers
        if not any(h.lower().startswith("impersonate-") for h in headers):
            return user
        name = headers.get("Impersonate-User", "")
        groups = tuple(headers.getall("Impersonate-Group", ()))
        extra: dict[str, list[str]] = {}
        for key, value in headers.items():
            if key.lower().startswith("impersonate-extra-"):
                extra.setdefault(unquote(key[18:].lower()), []).append(value)
        uid = headers.get("Impersonate-Uid", "")
        if not name:
            message = f"requested [{groups or extra or uid}] without impersonating a user"
            raise StatusError(500, "InternalError", message, {})
        wanted: list[Attributes] = []
        parts = name.split(":")
        if len(parts) == 4 and parts[:2] == ["system", "serviceaccount"]:
            wanted.append(Attributes("impersonate", "", "serviceaccounts", "", parts[2], parts[3]))
        else:
            wanted.append(Attributes("impersonate", "", "users", name=name))
        wanted += [Attributes("impersonate", "", "groups", name=g) for g in groups]
        authentication = "authentication.k8s.io"
        if uid:
            wanted.append(Attributes("impersonate", authentication, "uids", name=uid))
        for key, values in extra.items():
            wanted += [Attributes("impersonate", authentication, "userextras", key, name=v) for v in values]
        for asked in wanted:
            if self.cluster.authorizer.check(user, asked) is None:
                raise forbidden(asked.group, asked.resource, asked.name, asked.sentence(user.name))
        return impersonated(name, groups, uid, extra)

    @staticmethod
    def _forbidden(user: User, info: RequestInfo, attributes: Attributes) -> StatusError:
        why = attributes.sentence(user.name)
        if not info.is_resource:
            return StatusError(403, "Forbidden", f"forbidden: {why}", {})
        return forbidden(info.group, info.resource, info.name, why)

    async def _read(self, http: web.BaseRequest) -> bytes:
        """The request body; slow and oversized ones are refused."""
        if not http.body_exists:
            return b""
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                async for chunk in http.content.iter_any():
                    size += len(chunk)
                    if size > decoding.MAX_BODY_BYTES:
                        message = f"Request entity too large: limit is {decoding.MAX_BODY_BYTES}"
                        raise StatusError(413, "RequestEntityTooLarge", message)
                    chunks.append(chunk)
        except TimeoutError:
            raise StatusError(408, "Timeout", "the request body did not arrive in time", {}) from None
        return b"".join(chunks)

    # ---- paths that are no resource

    async def _non_resource(self, http: web.BaseRequest, info: RequestInfo, user: User) -> web.StreamResponse:
        path = info.path.rstrip("/") or "/"
        if path == "/debug/faults" and http.method == "POST":
            if MASTERS not in user.groups:
                raise self._forbidden(user, info, info.attributes())
            answer = self.faults.set(decoding.as_object(await self._read(http), JSON_TYPE))
            return self._json(200, encode(answer))
        if http.method not in ("GET", "HEAD"):
            raise NotFoundPage
        if path in _HEALTH or path.startswith(tuple(h + "/" for h in _HEALTH)):
            return web.Response(text="ok", headers=_HEADERS)
        if path.startswith("/openapi/"):
            return self._openapi(http, path)
        obj = self._discovery(http, path)
        if obj is None:
            raise NotFoundPage
        if obj["kind"] == "APIGroupDiscoveryList":
            return self._json(200, encode(obj), {"Content-Type": _AGGREGATED_TYPE, "Vary": "Accept"})
        if not obj["kind"]:
            obj.pop("kind")
        return self._json(200, encode(obj), {"Vary": "Accept"})

    def _openapi(self, http: web.BaseRequest, path: str) -> web.StreamResponse:
        if path == "/openapi/v2":
            accept = http.headers.get("Accept", "")
            if any(name in accept for name in openapi_wire.ASKED_AS):
                return self._json(200, self.openapi.v2(True), {"Content-Type": openapi_wire.MEDIA_TYPE})
            accepted(accept)
            return self._json(200, self.openapi.v2())
        if path == "/openapi/v3":
            return self._json(200, self.openapi.index())
        document = self.openapi.group_version(path.removeprefix("/openapi/v3/"))
        if document is None:
            raise NotFoundPage
        return self._json(200, document)

    def _discovery(self, http: web.BaseRequest, path: str) -> Obj | None:
        registry = self.cluster.registry
        accept = http.headers.get("Accept", "")
        if path in ("/api", "/apis") and _AGGREGATED in accept and "v=v2;" in accept.replace(" ", "") + ";":
            return discovery.aggregated(registry, path == "/api")
        if path == "/version":
            return {"kind": "", **discovery.version()}
        if path == "/api":
            return discovery.api_versions(self.address)
        if path == "/apis":
            return discovery.group_list(registry)
        if path == "/":
            groups = registry.groups()
            listed = [f"/apis/{g}/{v}" for g, versions in groups.items() if g for v in versions]
            paths = ["/api", "/api/v1", "/apis", *listed, *_HEALTH, "/openapi/v2", "/openapi/v3", "/version"]
            return {"kind": "", "paths": sorted(paths)}
        parts = path.strip("/").split("/")
        if parts == ["api", "v1"]:
            return discovery.resource_list(registry, "", "v1")
        if parts[0] == "apis" and len(parts) == 2:
            return discovery.group(registry, parts[1])
        if parts[0] == "apis" and len(parts) == 3:
            return discovery.resource_list(registry, parts[1], parts[2])
        return None

    # ---- resources

    async def _resource(self, http: web.BaseRequest, info: RequestInfo, user: User) -> web.StreamResponse:
        resource = self.cluster.registry.get(info.group, info.version, info.resource)
        if resource is None:
            if info.version not in self.cluster.registry.groups().get(info.group, ()):
                raise NotFoundPage
            if info.group and not any(
                not r.custom for r in self.cluster.registry.of_version(info.group, info.version)
            ):
                raise NotFoundPage
            raise no_such_resource()
        if resource.namespaced and not info.namespace and info.verb == "create":
            raise apierrors.method_not_allowed()
        if resource.namespaced and not info.namespace and info.name:
            raise no_such_resource()
        if not resource.namespaced and info.namespace and info.resource != "namespaces":
            raise no_such_resource()
        verbs = resource.verbs
        if info.subresource:
            sub = resource.subresource(info.subresource)
            if sub is None:
                raise no_such_resource()
            verbs = sub.verbs
        on_object = bool(info.name)
        wants_object = info.verb in ("update", "patch") or (info.verb == "create" and bool(info.subresource))
        wants_list = info.verb == "create" and not info.subresource
        if info.verb not in verbs or (wants_object and not on_object) or (wants_list and on_object):
            raise apierrors.method_not_allowed()
        include = info.query.get("includeObject", "")
        form = (
            Form()
            if info.subresource in ("log", *STREAMS)
            else accepted(http.headers.get("Accept", ""), include)
        )
        content_type = http.headers.get("Content-Type", JSON_TYPE).partition(";")[0].strip().lower()
        agent = http.headers.get("User-Agent", "")
        raw = await self._read(http)
        call = Call(info, resource, user, form, content_type or JSON_TYPE, raw, agent)
        if info.subresource == "log":
            return await self._stream(http, self._copy(self.subresources.log(call)), "text/plain")
        if info.verb == "watch":
            kind = ";stream=watch" if form.content_type != JSON_TYPE else ""
            return await self._stream(http, self.verbs.watch(call), JSON_TYPE + kind)
        try:
            code, data = await self._dispatch(call)
        except StatusError as error:
            error.warnings = call.warnings
            raise
        if resource.plural == "endpoints":
            call.warnings.append(_ENDPOINTS)
        elif resource.custom and resource.custom.warning:
            call.warnings.append(resource.custom.warning)
        headers = {"Content-Type": form.content_type}
        return _warned(self._json(code, body(form, data), headers), call.warnings)

    async def _dispatch(self, call: Call) -> tuple[int, bytes]:
        info, verbs, subs = call.info, self.verbs, self.subresources
        if info.group == figures.GROUP:
            return 200, figures.answer(self.cluster, self.figures, call)
        if not call.resource.stored:
            kind = call.resource
            asked = decoding.checked(kind.group, kind.version, kind.kind, call.body())
            review = reviews.answer(self.cluster, call.user, kind, info.namespace, asked)
            return 201, encode(review)
        if info.subresource == "binding":
            return 201, await subs.binding(call)
        if info.subresource == "eviction":
            return 201, await subs.eviction(call)
        if info.subresource == "token":
            return 201, subs.token(call)
        if info.subresource in STREAMS:
            raise subs.no_stream(call)
        if info.subresource == "scale":
            return 200, await subs.scale(call)
        match info.verb:
            case "get":
                return 200, await verbs.get(call)
            case "list":
                return 200, await verbs.list(call)
            case "create":
                return 201, await verbs.create(call)
            case "update":
                return await verbs.update(call)
            case "patch":
                return await verbs.patch(call)
            case "delete":
                return 200, await verbs.delete(call)
        return 200, await verbs.delete_collection(call)

    # ---- streams

    @staticmethod
    def _copy(lines: AsyncIterator[bytes]) -> Callable[[Callable[[bytes], Awaitable[None]]], Awaitable[None]]:
        async def run(write: Callable[[bytes], Awaitable[None]]) -> None:
            async for line in lines:
                await write(line)

        return run

    async def _stream(
        self,
        http: web.BaseRequest,
        run: Callable[[Callable[[bytes], Awaitable[None]]], Awaitable[None]],
        content_type: str,
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={**_HEADERS, "Content-Type": content_type})
        response.enable_chunked_encoding()
        await response.prepare(http)
        # A client that goes away in the middle is the usual end of a watch.
        with contextlib.suppress(ConnectionError):
            await run(response.write)
            await response.write_eof()
        return response
