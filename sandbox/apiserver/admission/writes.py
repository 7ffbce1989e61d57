"""One write on its way in, as everybody who may change or refuse it sees it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.apiserver.auth.authn import MASTERS, User
from sandbox.apiserver.machinery.apierrors import StatusError, forbidden
from sandbox.apiserver.machinery.jsonobject import Obj
from sandbox.apiserver.machinery.resources import Resource
from sandbox.apiserver.storage.revisions import Key

CREATE, UPDATE, DELETE = "CREATE", "UPDATE", "DELETE"
_SELF = User("system:apiserver", (MASTERS,))


@dataclass(slots=True)
class Origin:
    """Who writes, and how; the defaults are the API server itself."""

    user: User = _SELF
    dry_run: bool = False
    options: Obj = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    # What a request on a subresource is about when that is not the object itself: a Scale, a Binding.
    body: Obj | None = None
    # Brings the object of the write to what such a body says, once a webhook has changed the body.
    follow: Callable[[Obj, Obj], None] | None = None


@dataclass(slots=True)
class Write:
    """`obj` is what is to be stored and may be changed in place; of a deletion it is empty."""

    operation: str
    resource: Resource
    key: Key
    obj: Obj
    old: Obj | None
    subresource: str
    origin: Origin
    final: bool = False  # it may still be refused, but no more be changed

    @property
    def kind(self) -> str:
        """What it is a write of: `pods`, `deployments.apps`."""
        return self.resource.storage_name

    @property
    def namespace(self) -> str:
        return self.key[0]

    def forbidden(self, why: str) -> StatusError:
        """The refusal of an admission plugin, in the words of all of them.

        Source: staging/src/k8s.io/apiserver/pkg/admission/errors.go of kubernetes/kubernetes.
        """
        meta = self.obj.get("metadata") or {}
        name = self.key[1] or meta.get("name") or meta.get("generateName") or "Unknown"
        return forbidden(self.resource.group, self.resource.plural, name, why)
