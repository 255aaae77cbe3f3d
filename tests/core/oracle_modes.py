"""The oracle's books for what comes by call alone, for the end, and for what is read again: H25 to H29, H33, H37."""

from gateway.core.commands import Commands
from gateway.core.errors import ErrorCode, OfflineReason, RejectReason
from gateway.core.result import Reason, Verdict
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

    # ---- an old result, read again (H37) ---------------------------------------------------------------------

    asked, asked_at, told = 0, 0, 0
    """The number that is asked for, when that was, and how it ended (0 not yet: 4 is shown)."""

    def write(self, new: Commands) -> None:
        before = self.plc
        resets = self.rises("reset", before, new)
        super().write(new)
        if not resets and new.result_query != before.result_query:
            self.asked, self.asked_at, self.told = new.result_query, self.now, 0

    def reset(self) -> None:
        super().reset()
        self.asked = 0

    def pass_to(self, now: int) -> None:
        super().pass_to(now)
        if self.asked and not self.told and now >= self.asked_at + 3_000_000:
            self.told = 3

    def looked_up(self, told: int, stale: bool) -> None:
        if self.asked and not self.told and not stale:
            self.told = told

    def tags(self) -> dict[str, bool | int | str]:
        found = self.asked if self.told == 1 else 0
        return super().tags() | {
            "query_result_seq": self.asked if self.told else 0,
            "query_status": (self.told or 4) if self.asked else 0,
            "query_trigger_seq": found,
            "query_verdict": int(Verdict.NOK) if found else 0,
        }

    def tend(self) -> None:
        """A run ends with what it needs."""
        if self.run and (self.down - {OfflineReason.SIMULATION} or not (self.plc.enable or self.automatic)):
            self.run = False
            self.cancel(Reason.CANCELLED)
