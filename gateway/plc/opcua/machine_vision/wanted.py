"""Which results a client wants to see in a list. OPC 40100-1: an empty id and a state of 0 are no filter."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.core.result import Verdict
from gateway.plc.opcua.machine_vision.values import Catalogue, ResultState, job_of, result_state
from gateway.ports import ResultQuery, StoredResult

_VERDICTS: Mapping[int, frozenset[Verdict]] = {
    ResultState.UNDEFINED: frozenset(),
    ResultState.COMPLETED: frozenset({Verdict.OK, Verdict.NOK}),
    ResultState.ABORTED: frozenset({Verdict.NO_DECISION}),
    ResultState.FAILED: frozenset({Verdict.NO_DECISION}),
}
"""For each state that a result can be in, what a store can be asked for."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The filters, as plain ids."""

    state: int = 0
    meas_id: str = ""
    part_id: str = ""
    recipe_name: str = ""
    recipe: str = ""
    product_id: str = ""
    job_id: str = ""

    @property
    def possible(self) -> bool:
        """False where no result can ever fit."""
        return self.state in _VERDICTS and (not self.recipe or self._recipe_number is not None)

    def query(self, station: str, limit: int) -> ResultQuery:
        """As much of it as a store knows: what `fits` would refuse anyway is not even read."""
        return ResultQuery(
            station,
            newest_first=True,
            limit=limit,
            verdicts=_VERDICTS[self.state],
            recipe=self._recipe_number,
            part_id=self.part_id or None,
            meas_id=self.meas_id or None,
            job_id=self.job_id or None,
        )

    def fits(self, stored: StoredResult, catalogue: Catalogue) -> bool:
        """Is this result, as clients see it, one of them?"""
        result = stored.result
        shown = (
            (self.meas_id, result.origin.meas_id),
            (self.part_id, result.part_id),
            (self.recipe_name, stored.recipe_name or catalogue.external(result.recipe).Id),
            (self.recipe, str(result.recipe)),
            (self.product_id, result.origin.product_id or catalogue.product_of(result.recipe).Id),
            (self.job_id, job_of(stored)),
        )
        right_state = self.state in (ResultState.UNDEFINED, result_state(result.judgement))
        return right_state and all(wished in ("", have) for wished, have in shown)

    @property
    def _recipe_number(self) -> int | None:
        return int(self.recipe) if self.recipe.isdecimal() and len(self.recipe) <= 5 else None
