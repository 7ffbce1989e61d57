"""An API server of one's own for tests, as controller-runtime's envtest."""

from controller_runtime.envtest.environment import Environment
from controller_runtime.envtest.process import StartError

__all__ = ["Environment", "StartError"]
