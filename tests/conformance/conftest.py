"""The server that the recorded conversations are held with."""

from tests.sandbox.conftest import api, bare_kubeconfig

__all__ = ["api", "bare_kubeconfig"]
