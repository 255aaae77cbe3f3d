"""A camera's features through the library viva-genicam. Its GenicamError passes through."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gateway.sources.genicam_features import Value

if TYPE_CHECKING:
    from viva_genicam import Camera


class VivaFeatures:
    """Features of an open camera."""

    def __init__(self, camera: "Camera") -> None:
        self._camera = camera
        self._names = frozenset(camera.nodes())

    def has(self, name: str) -> bool:
        if name not in self._names:
            return False
        state = self._camera.feature_state(name)
        return bool(state.is_implemented and state.is_available)

    def read(self, name: str) -> Value:
        value = self._camera.feature_state(name).value
        return "" if value is None else value

    def write(self, name: str, value: Value) -> None:
        if isinstance(value, bool):
            self._camera.set_bool(name, value)
        elif isinstance(value, str):
            self._camera.set_enum(name, value)
        elif isinstance(value, int):
            self._camera.set_integer(name, value)
        else:
            self._camera.set_float(name, value)

    def choices(self, name: str) -> Sequence[str]:
        return self._camera.available_enum_entries(name)
