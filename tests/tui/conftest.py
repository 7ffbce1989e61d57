from __future__ import annotations

import pytest
from textual import constants


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> None:
    """No animation, one time zone, colours: what a test sees does not depend on who runs it."""
    monkeypatch.setattr(constants, "TEXTUAL_ANIMATIONS", "none", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
