"""The oracle's books for what comes by call alone, and for the end: H25 to H29, H33."""

from gateway.core.errors import ErrorCode, OfflineReason, RejectReason
from gateway.core.result import Reason
from gateway.core.state import Options
from tests.core.oracle import Oracle


class ModeOracle(Oracle):
    """Each method is one call, or what a run does. `tend` is to be asked after each event."""

    def select_automatic(self) -> None:
        self.automatic = True

    def halt(self) -> None:
        self.automatic = self.run = False
        self.cancel(Reason.CANCELLED)
        if self.change:
            self.end_change(ErrorCode.RECIPE_FAILED)
        self.held_since, self.held_told = None, False
        self.down.add(OfflineReason.HALTED)

    @property
    def busy(self) -> bool:
        return bool(self.flying) or self.change is not None or self.run

    def unprepare(self) -> ErrorCode:
        if self.busy:
            return ErrorCode.RECIPE_BUSY
        self.unprepared = True
        return ErrorCode.NONE

    def simulate(self, on: bool) -> RejectReason:
        if on is self.simulating:
            return RejectReason.NONE
        if self.busy:
            return RejectReason.BUSY
        self.set_down(OfflineReason.SIMULATION, on)
        return RejectReason.NONE

    # ---- the end of the gateway (H33) ------------------------------------------------------------------------

    def drain(self) -> None:
        self.run = False
        self.set_down(OfflineReason.STOPPING, True)
        if self.change:
            self.end_change(ErrorCode.RECIPE_FAILED)

    def stop(self) -> None:
        self.drain()
        self.cancel(Reason.SHUTDOWN)
        if self.stopped:
            self.give_up(max((ticket.give_up for ticket in self.flying.values()), default=0))
        self.stopped = True

    # ---- new settings (H35) ----------------------------------------------------------------------------------

    def reconfigure(self, options: Options) -> None:
        self.options = options
        if options.stop_after_nok == 0:
            self.row = 0
        self.pass_to(self.now)

    # ---- continuous run --------------------------------------------------------------------------------------

    def begin_run(self) -> RejectReason:
        why = self.refuse(call=True)
        self.run = self.run or why is RejectReason.NONE
        return why

    def wants_picture(self) -> bool:
        return self.run and self.refuse(picture=True) is RejectReason.NONE

    def picture(self, part_id: str) -> bool:
        """A picture is there; whether it is taken now."""
        taken = self.wants_picture()
        if taken:
            self.accept(self.accepted_seq % 65535 + 1, part_id)
        return taken

    def tend(self) -> None:
        """A run ends with what it needs."""
        if self.run and (self.down - {OfflineReason.SIMULATION} or not (self.plc.enable or self.automatic)):
            self.run = False
            self.cancel(Reason.CANCELLED)
