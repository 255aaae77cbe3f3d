"""Methods of ConfigurationManagement. Configurations come from gateway.toml: none can be added or removed here."""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.plc.opcua.machine_vision.calls import VisionMethod, id_text
from gateway.plc.opcua.machine_vision.data_types import ConfigurationDataType, ConfigurationIdDataType
from gateway.plc.opcua.machine_vision.error_codes import MethodError, MethodFailedError
from gateway.plc.opcua.machine_vision.handles import Handles
from gateway.plc.opcua.machine_vision.pages import page
from gateway.plc.opcua.methods import Caller

Outputs = Sequence[Any]


class ConfigurationMethods:
    """The one configuration is always active, so activating it changes nothing."""

    def __init__(self, configuration: ConfigurationDataType, handles: Handles) -> None:
        self._configuration = configuration
        self._handles = handles

    @property
    def methods(self) -> Mapping[str, VisionMethod]:
        """By browse name."""
        return {
            "ActivateConfiguration": self.activate_configuration,
            "GetConfigurationList": self.get_configuration_list,
            "GetConfigurationById": self.get_configuration_by_id,
            "ReleaseConfigurationHandle": self.release_configuration_handle,
        }

    async def activate_configuration(self, caller: Caller, internal: ConfigurationIdDataType | None) -> Outputs:
        self._check(internal)
        return ()

    async def get_configuration_list(self, caller: Caller, max_results: int, start_index: int, timeout: int) -> Outputs:
        complete, entries = page([self._configuration], max_results, start_index)
        return complete, len(entries), self._handles.give(caller.session, "configuration", timeout), entries

    async def get_configuration_by_id(
        self, caller: Caller, internal: ConfigurationIdDataType | None, timeout: int
    ) -> Outputs:
        self._check(internal)
        return self._handles.give(caller.session, "configuration", timeout), self._configuration

    async def release_configuration_handle(self, caller: Caller, handle: int) -> Outputs:
        if not self._handles.release(caller.session, "configuration", handle):
            raise MethodFailedError(MethodError.UNKNOWN_HANDLE)
        return ()

    def _check(self, given: ConfigurationIdDataType | None) -> None:
        if given is None or not names(given, self._configuration.InternalId):
            raise MethodFailedError(MethodError.UNKNOWN_CONFIGURATION)


def names(given: ConfigurationIdDataType, known: ConfigurationIdDataType) -> bool:
    """Does a client mean this configuration? Version and hash matter where it gives them."""
    return (
        id_text(given) == known.Id
        and (not given.Version or given.Version == known.Version)
        and (not given.Hash or given.Hash == known.Hash)
    )
