"""What a person asks of a Redis beside its spec, as annotations: to be left alone, or to get fresh pods."""

from __future__ import annotations

from controller.api import GROUP, Redis
from controller_runtime.kube.kinds import Pod

# "true": nothing is made, deleted or changed for it until the annotation is gone; a deletion goes on.
PAUSED = f"{GROUP}/paused"
# Any text, such as a time: pods that were made under another one are replaced, one after the other.
RESTARTED_AT = f"{GROUP}/restartedAt"
# The annotation of ``kubectl rollout restart``, and the kinds that it takes. Source: kubectl
# pkg/polymorphichelpers/objectrestarter.go.
KUBECTL_RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
RESTARTED_BY_TEMPLATE = ("Deployment", "StatefulSet", "DaemonSet")  # of apps


def is_paused(redis: Redis) -> bool:
    """Whether it is to be left alone; one that is being deleted never is, or it would not end."""
    return redis.metadata.annotations.get(PAUSED) == "true" and redis.metadata.deletion_timestamp is None


def restart(redis: Redis) -> dict[str, str]:
    """The annotation that a pod of it gets, when it has been asked to restart."""
    wish = redis.metadata.annotations.get(RESTARTED_AT)
    return {RESTARTED_AT: wish} if wish else {}


def is_fresh(redis: Redis, pod: Pod) -> bool:
    """Whether a pod was made since the last restart that was asked for."""
    return restart(redis).items() <= pod.metadata.annotations.items()
