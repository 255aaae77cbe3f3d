"""Recipe changes (H18), and no recipe at all (H27). Works on the step under way."""

from gateway.core import actions as act
from gateway.core.errors import Cause, ErrorCode
from gateway.core.recipe_change import RecipeChange, RecipeOutcome
from gateway.core.turn import Turn


def begin(turn: Turn, recipe: int, token: int = 0) -> None:
    """Begin a change, or refuse it."""
    s = turn.s
    error = s.recipe_error(recipe)
    if error is not ErrorCode.NONE:
        _ended(turn, error, token)
        return
    s.changing = RecipeChange(s.next_change_id, recipe, turn.now + s.options.recipe_timeout_ms * 1000, token)
    s.next_change_id += 1
    turn.actions.append(act.PrepareRecipe(s.changing.id, recipe))


def prepared(turn: Turn, change_id: int, error: ErrorCode) -> None:
    """The world is through with this change; that of one that is over already means nothing."""
    if turn.s.changing is not None and turn.s.changing.id == change_id:
        _settle(turn, error)


def abandon(turn: Turn, error: ErrorCode) -> None:
    """The change under way, if there is one, has failed."""
    if turn.s.changing is not None:
        turn.actions.append(act.AbandonRecipe(turn.s.changing.id))
        _settle(turn, error)


def unprepare(turn: Turn, token: int) -> None:
    """No recipe is in force until the next change; not while anything is under way (H27)."""
    if turn.s.idle:
        turn.s.unprepared = True
    else:
        turn.actions.append(act.Refused(token, ErrorCode.RECIPE_BUSY))


def _settle(turn: Turn, error: ErrorCode) -> None:
    """The change under way is over; the old recipe stays in force where it failed."""
    s, change = turn.s, turn.s.changing
    if change is None:
        return
    s.changing = None
    if error is ErrorCode.NONE:
        s.recipe, s.unprepared, s.nok_row = change.recipe, False, 0
    _ended(turn, error, change.token, heard=change.heard)


def _ended(turn: Turn, error: ErrorCode, token: int, *, heard: bool = True) -> None:
    if error is not ErrorCode.NONE:
        turn.error(error, Cause.CHANGE_RECIPE)
    if token:
        turn.actions.append(act.RecipeSettled(token, error))
    elif heard:
        turn.s.recipe_outcome = RecipeOutcome.FAILED if error else RecipeOutcome.DONE
