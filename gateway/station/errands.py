"""What the core asks the world to do, given to those who do it.

Nothing here waits: each errand is begun, and what comes of it is an event for the core.
"""

from collections.abc import Sequence

from gateway.core import actions as act
from gateway.core import events as ev
from gateway.core.actions import Action
from gateway.core.result import Result
from gateway.core.state import State
from gateway.ports import ImageSource
from gateway.station.calls import Calls
from gateway.station.health import Health
from gateway.station.journaling import Journaling
from gateway.station.old_results import OldResults
from gateway.station.pictures import PictureWatch
from gateway.station.reviews import Reviews
from gateway.station.sinks import Sinks
from gateway.station.views import View, shots
from gateway.station.work import Work


class Errands:
    """Runs the errands of one station."""

    def __init__(
        self,
        views: Sequence[View],
        work: Work,
        health: Health,
        pictures: PictureWatch,
        calls: Calls,
        journal: Journaling,
        old_results: OldResults,
        sinks: Sinks,
        reviews: Reviews,
    ) -> None:
        self._views, self._work, self._health, self._pictures = views, work, health, pictures
        self._calls, self._journal, self._sinks = calls, journal, sinks
        self._reviews, self._old_results = reviews, old_results

    def perform(self, action: Action, state: State) -> None:
        """Begin what ACTION asks for. STATE is the one that the step with this action led to."""
        match action:
            case act.Start(inspection_id, token=token):
                self._calls.started(token, inspection_id)
                self._work.inspect(action)
            case act.Cancel(inspection_id):
                self._work.cancel(inspection_id)
            case act.Record(result, presented):
                self._record(result, presented, state)
            case act.OfferReview(inspection_id):
                self._reviews.offered(action, self._work.about(inspection_id))
            case act.EndReview():
                self._reviews.ended(action)
            case act.Keep(result):
                self._work.hold(result.inspection_id)  # the journal has begun with it already
            case act.Reject(token, reason) | act.Refused(token, reason):
                self._calls.refused(token, reason)
            case act.AwaitPicture(run_id, since, simulated):
                self._pictures.await_picture(self._leading(simulated), run_id, since)
            case act.EndRun():
                self._pictures.end()
            case act.PrepareRecipe(change_id, recipe):
                self._work.prepare(change_id, self._prepare(change_id, recipe))
            case act.AbandonRecipe():
                self._work.abandon()
            case act.RecipeSettled(token, error):
                self._calls.recipe_settled(token, error)
            case act.LookUp():
                self._old_results.look_up(action)
            case act.LateAnswer(inspection_id):
                self._journal.late(action, state, self._work.about(inspection_id))

    def _leading(self, simulated: bool) -> ImageSource:
        """Whose pictures a continuous run follows: the first view's."""
        return next(shots(self._views, simulated=simulated)).source

    async def _prepare(self, change_id: int, recipe: int) -> ev.RecipePrepared:
        return ev.RecipePrepared(change_id, await self._health.prepared(recipe))

    def _record(self, result: Result, presented: bool, state: State) -> None:
        self._calls.recorded(result)
        self._sinks.put(result, state.counts, presented)
        self._work.release(result.inspection_id)
