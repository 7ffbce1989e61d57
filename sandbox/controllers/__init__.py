"""The controllers that a cluster cannot do without, as clients of the API."""

from .all import run_controllers

__all__ = ["run_controllers"]
