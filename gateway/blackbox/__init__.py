"""The black box: when each stage of the last inspections was, kept in memory and read by `pekat-gateway trace`."""

from gateway.blackbox.recorder import BlackBox
from gateway.blackbox.ring import CAPACITY, STAGES, Flight

__all__ = ["CAPACITY", "STAGES", "BlackBox", "Flight"]
