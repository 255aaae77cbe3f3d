"""The kinds of source, one after the other."""

from pathlib import Path

import pytest

from tests.contract.sources import KINDS, Bench
from tests.opcua.quick_start import made_nodes, quick_start

__all__ = ["made_nodes", "quick_start"]


@pytest.fixture(params=KINDS)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    folder = tmp_path / "pictures"
    folder.mkdir()
    return Bench(request.param, folder)
