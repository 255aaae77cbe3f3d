"""ServiceLevel: how far the gateway can do its work, for clients that choose between servers (OPC 10000-4, 6.6.2.4.2).

| level    | sub-range of the specification | here                                                              |
|----------|--------------------------------|-------------------------------------------------------------------|
| 255      | healthy                        | every station can judge parts                                     |
| 100..198 | degraded                       | some stations can, by their share                                 |
| 2..99    | degraded                       | none can; 99: all of them only stand by in a redundant set        |
| 1        | no data                        | the gateway starts, or stops                                      |

A station that somebody took offline or halted is not ill: the gateway does what it was told. In a redundant set it is
the other way round: the station that its PLC has not enabled stands by, and clients should look at the other gateway.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC
from enum import Enum

from asyncua import ua
from asyncua.server.address_space import AddressSpace
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from gateway.core import events as ev
from gateway.core.errors import ErrorCode, Fault, OfflineReason
from gateway.core.state import State
from gateway.plc.opcua.face import put
from gateway.plc.opcua.nodes import standard_id
from gateway.ports import StationPort, Step

HEALTHY, NO_DATA = 255, 1

_ILL = frozenset({ErrorCode.SOURCE_DOWN, ErrorCode.INSPECTOR_DOWN})
_ILL_OFFLINE = frozenset({OfflineReason.SOURCE, OfflineReason.INSPECTOR})
_ABSENT = frozenset({OfflineReason.STARTING, OfflineReason.STOPPING})


class Fitness(Enum):
    """What one station is good for."""

    FIT = "can judge parts"
    STANDBY = "could, if its PLC enabled it"
    ILL = "its camera or PEKAT is down: no part gets a decision"
    ABSENT = "starts or stops"


def fitness(state: State, faults: frozenset[ErrorCode], *, in_a_set: bool) -> Fitness:
    """Of a station in this state, while these faults hold. `in_a_set`: another gateway may do its work."""
    if state.offline & _ABSENT:
        return Fitness.ABSENT
    if faults & _ILL or state.offline & _ILL_OFFLINE:
        return Fitness.ILL
    if in_a_set and (state.offline or not state.enabled):
        return Fitness.STANDBY
    return Fitness.FIT


def service_level(stations: Sequence[Fitness]) -> int:
    """The level of a gateway with these stations."""
    total = len(stations)
    fit, standby, absent = (stations.count(one) for one in (Fitness.FIT, Fitness.STANDBY, Fitness.ABSENT))
    if fit == total:
        return HEALTHY
    if absent == total:
        return NO_DATA
    return 100 + 99 * fit // total if fit else 2 + 97 * standby // total


class ServiceLevel:
    """The server's node. `attach` it to follow the stations; at the end it stays at NO_DATA.

    The steps of the handshake are only looked at for what can change it; the node is written a turn of the loop later.
    """

    def __init__(self, aspace: AddressSpace, stations: Sequence[StationPort], *, in_a_set: bool) -> None:
        self._place = aspace[standard_id(ObjectIds.Server_ServiceLevel)].attributes[AttributeIds.Value]
        self._stations = tuple(stations)
        self._in_a_set = in_a_set
        self._faults = [_known_faults(station.state) for station in stations]
        """Each view of a station has its own: one may be well again while another is not."""
        self._ends: list[Callable[[], None]] = []
        self._shown: int | None = None
        self._due: asyncio.Handle | None = None

    def attach(self) -> None:
        self._ends = [station.observe(self._follower(number)) for number, station in enumerate(self._stations)]
        self._show()

    def end(self) -> None:
        """The gateway stops: tell so, and follow the stations no more."""
        for end in self._ends:
            end()
        self._ends = []
        if self._due is not None:
            self._due.cancel()
            self._due = None
        self._write(NO_DATA)

    def _follower(self, number: int) -> Callable[[Step], None]:
        def follow(step: Step) -> None:
            match step.event:
                case ev.PartFailed(fault, _):
                    self._faults[number] |= {fault}
                case ev.PartRecovered(fault, _):
                    self._faults[number] -= {fault}
                case _ if step.before.offline == step.after.offline and step.before.enabled == step.after.enabled:
                    return
            if self._due is None:
                self._due = asyncio.get_running_loop().call_soon(self._show)

        return follow

    def _show(self) -> None:
        self._due = None
        both = zip(self._stations, self._faults, strict=True)
        known = [(one.state, frozenset(fault.code for fault in faults)) for one, faults in both]
        self._write(service_level([fitness(state, codes, in_a_set=self._in_a_set) for state, codes in known]))

    def _write(self, level: int) -> None:
        if level != self._shown:
            self._shown = level
            now = ua.DateTime.now(UTC)
            put(self._place, ua.Variant(ua.Byte(level), ua.VariantType.Byte), now, now)


def _known_faults(state: State) -> frozenset[Fault]:
    """The faults that hold before the first step: one that is latched may be over, and is reported again if not."""
    latched = [state.error] if state.error is not None else []
    return frozenset(fault for fault in (*state.standing, *latched) if fault.code in _ILL)
