"""Nodes, a scheduler and a kubelet, as clients of the API."""

from .logs import LogError, LogRegistry
from .options import KubeletOptions
from .run import RuntimeUnavailable, run_kubelet

__all__ = ["KubeletOptions", "LogError", "LogRegistry", "RuntimeUnavailable", "run_kubelet"]
