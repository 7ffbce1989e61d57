"""The admission plugins that kube-apiserver has on by default, in its order."""

from sandbox.apiserver.admission import (
    certificates,
    defaulting,
    limitranges,
    podsecurity,
    priority,
    serviceaccounts,
)
from sandbox.apiserver.admission.policies import Policies
from sandbox.apiserver.admission.quotas import Quotas
from sandbox.apiserver.admission.writes import CREATE, Write
from sandbox.apiserver.machinery.resources import Registry
from sandbox.apiserver.storage.revisions import Store


class Plugins:
    """Each changes or refuses a write; StatusError 403 says which and why."""

    def __init__(self, store: Store, registry: Registry) -> None:
        self._store = store
        self._policies = Policies(store, registry)
        self.service_accounts = False  # off in a bare server, as envtest has it
        self.quotas = Quotas(store)

    def mutate(self, write: Write) -> None:
        """Before validation, and before webhooks."""
        if write.operation != CREATE or write.subresource:
            return
        if write.kind == "pods":
            limitranges.admit(self._store, write)
            if self.service_accounts:
                serviceaccounts.admit(self._store, write)
            priority.admit(self._store, write)
            defaulting.tolerate_nodes(write.obj)
        elif write.kind == certificates.KIND:
            certificates.admit(write)
        elif write.kind == "nodes":
            defaulting.admit_node(write.obj)

    def validate(self, write: Write) -> None:
        """After validation; what they see is what would be stored."""
        limitranges.validate(self._store, write)
        podsecurity.validate(self._store, write)
        priority.validate(self._store, write)
        self._policies.validate(write)

    def charge(self, write: Write) -> None:
        """The last word, after the webhooks: is there quota for it?"""
        self.quotas.check(write)
