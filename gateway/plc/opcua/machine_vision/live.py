"""Variables whose value is made when somebody wants it: of the many that a vision system has, hardly any is watched."""

from collections.abc import Callable

from asyncua import ua
from asyncua.server.address_space import AddressSpace, AttributeValue
from asyncua.ua.attribute_ids import AttributeIds

from gateway.plc.opcua.face import finish_now
from gateway.plc.opcua.traffic.shown import Shown


class Live:
    """One variable. `make` gives its value as it is now; `changed` says that it is another one than before."""

    def __init__(self, aspace: AddressSpace, node: ua.NodeId, make: Callable[[], Shown]) -> None:
        self._place: AttributeValue = aspace[node].attributes[AttributeIds.Value]
        self._make = make
        self._place.value_callback = lambda *_: self._make()

    def changed(self) -> None:
        """Tell those who subscribed, if any."""
        if self._place.datachange_callbacks:
            shown = self._make()
            for handle, tell in tuple(self._place.datachange_callbacks.items()):
                finish_now(tell(handle, shown))
