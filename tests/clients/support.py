"""tests/support, as these tests import it."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "support"))

from harness import Child, ProviderProcess, ProxyProcess, fetch, free_port  # noqa: E402
from misbehave import content  # noqa: E402

__all__ = ["Child", "ProviderProcess", "ProxyProcess", "content", "fetch", "free_port"]
