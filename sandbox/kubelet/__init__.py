"""Nodes, a scheduler and a kubelet, as clients of the API."""

from .knobs import KubeletOptions
from .kubelet import RuntimeUnavailable, run_kubelet
from .podlogs import LogError, LogRegistry

__all__ = ["KubeletOptions", "LogError", "LogRegistry", "RuntimeUnavailable", "run_kubelet"]
