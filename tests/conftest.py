"""Property tests try the same examples every time, so that a run needs no luck.

To look for new ones: ``make test ARGS=--hypothesis-profile=search``. What that finds becomes an ``@example``.
"""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True)
settings.register_profile("search", derandomize=False)
settings.load_profile("repeatable")
