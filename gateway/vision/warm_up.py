"""The picture that a project is given before the first part: its judgement goes nowhere."""

import time
from pathlib import Path

from gateway.core.errors import ErrorCode, InspectorError, RecipeError
from gateway.core.result import REASON_TEXTS, Reason
from gateway.images.limits import DEFAULT_LIMITS, image_fault
from gateway.ports import Order, Picture
from gateway.vision.dispatch import Dispatch
from gateway.vision.pekat import Ask, PekatClient
from gateway.vision.pekat_reply import read_reply
from gateway.vision.program import Program, data_text
from gateway.vision.sending import Sender
from gateway.vision.wire import Call

PART_ID = "warm-up"
"""What a `data` template gets where it asks for the part."""
JUDGED = frozenset({Reason.NONE, Reason.REVIEW, Reason.UNCHECKED})
"""What a project that works says of a picture, by whatever rules."""


def warm_up_picture(path: Path) -> Picture:
    """The file, whole. Raises ValueError for what is no picture that PEKAT takes, with the reason."""
    try:
        if not path.is_file():
            raise ValueError("there is no such file")
        if (large := DEFAULT_LIMITS.over_bytes(path.stat().st_size)) is not None:
            raise ValueError(str(large))
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or error}") from error
    if (fault := image_fault(data)) is not None:
        raise ValueError(str(fault))
    return Picture(path.name, data)


async def warm_up(station: str, dispatch: Dispatch, sender: Sender, program: Program, until: float) -> None:
    """Have the picture judged at every address that answers, as often as the recipe says. Raises RecipeError."""
    picture = program.warm_up
    if picture is None:
        return
    now = time.monotonic_ns() // 1000
    order = Order(station, 0, 0, PART_ID, program.number, now, round(until * 1e6), time.time())
    ask = Ask(program.rules.response_type, data_text(program.data, order), program.context_in_body)

    def judge(client: PekatClient, call: Call) -> None:
        answer = sender.send(picture, ask, client, call)
        said = read_reply(answer.status, answer.headers, answer.body, program.rules).judgement
        if said.reason not in JUDGED:
            text = f"{client.url}: {said.detail or REASON_TEXTS[said.reason]}"
            raise InspectorError(text, reason=said.reason, hint=REASON_TEXTS[said.reason])

    for _ in range(program.warm_up_times):
        try:
            await dispatch.everywhere(program.number, until, judge)
        except InspectorError as error:
            text = f"the warm-up picture {picture.name} was not judged: {error}"
            raise RecipeError(text, ErrorCode.RECIPE_WARM_UP, reason=error.reason, hint=error.hint) from error
