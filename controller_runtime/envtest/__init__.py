"""Tests of operators: an API server of one's own, as controller-runtime's envtest, and a fake client."""

from controller_runtime.envtest.environment import Environment
from controller_runtime.envtest.fake import FakeClient
from controller_runtime.envtest.process import StartError

__all__ = ["Environment", "FakeClient", "StartError"]
