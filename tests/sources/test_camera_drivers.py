"""Which driver is there: what is missing is told with what installs it, and nothing is imported unless it is used."""

import subprocess
import sys

import pytest

from gateway.core.errors import ConfigError
from gateway.sources.camera_drivers import DRIVERS, MODULES, DriverName, installed
from tests.sources.gige import SETTINGS

LIBRARIES = [*MODULES.values(), "genicam"]


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_library_that_is_missing_is_told_with_what_installs_it(
    driver: DriverName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, MODULES[driver], None)
    assert not installed(driver)
    producer = {"producer": "x.cti"} if driver == "harvesters" else {}
    settings = SETTINGS.validate_python({"kind": "genicam", "driver": driver, **producer})
    with pytest.raises(ConfigError, match="is not installed") as caught:
        settings.create("line")
    assert caught.value.hint.startswith(("pip install", "apt install"))
    assert "station line" in str(caught.value)


def test_nothing_is_imported_unless_it_is_used() -> None:
    code = f"""
import sys
from gateway.sources import SourceSettings
from gateway.sources.genicam_settings import GenicamSettings
from gateway.sources.camera_drivers import installed
GenicamSettings(driver="pylon")
installed("pylon"), installed("harvesters"), installed("viva")
print([name for name in {LIBRARIES!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=30)
    assert done.stdout.strip() == "[]"
