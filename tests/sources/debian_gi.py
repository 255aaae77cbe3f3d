"""Debian's Python bindings of GObject, for a virtual environment that does not see Debian's packages."""

import importlib
import importlib.util
import sys
import warnings
from pathlib import Path

DIST_PACKAGES = Path("/usr/lib/python3/dist-packages")


def aravis_installed() -> bool:
    """Whether Aravis can be used here: with a Python of the version that Debian built its bindings for."""
    if importlib.util.find_spec("gi") is None and not _borrowed():
        return False
    from gateway.sources.camera_drivers import installed

    return installed("aravis")


def _borrowed() -> bool:
    """Import `gi` from Debian's folder, and nothing else from there."""
    sys.path.append(str(DIST_PACKAGES))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module("gi")
    except ImportError:
        return False
    finally:
        sys.path.remove(str(DIST_PACKAGES))
    return True


def gi_folder(folder: Path) -> Path:
    """A folder for PYTHONPATH that has `gi` and nothing else of Debian's."""
    link = folder / "gi"
    if not link.exists():
        link.symlink_to(DIST_PACKAGES / "gi")
    return folder
