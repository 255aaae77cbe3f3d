"""The PEKAT projects: whether they answer, judge, let us in, and show the same time."""

from collections.abc import Collection, Iterator, Sequence

from gateway.cli.doctor.clocks import compared
from gateway.cli.doctor.finding import Finding, Patient, defect, ok
from gateway.cli.roll_call import Answer, Asked, all_of, roll_call
from gateway.config import Settings
from gateway.core.errors import InspectorError
from gateway.core.result import REASON_TEXTS, Reason
from gateway.vision.pekat import Ask, ClientOptions, PekatClient
from gateway.vision.pekat_reply import ReplyRules, read_reply
from gateway.vision.wire import Call

_CURES = {
    Reason.PROCESSING_OFF: "switch 'Process incoming images' on in the PEKAT project",
    Reason.UNAUTHORISED: "give the recipe the key of 'Secure image analyze' (api_key_env or api_key_file)",
    Reason.FLOW_ERROR: "open the project in PEKAT: a module of its flow reports the error",
}
"""What the newest image of a project can show, without sending one."""


def look_at_pekat(patient: Patient) -> Iterator[Finding]:
    """Every address of every recipe: its answer to a ping, its newest image's context, its clock. Nothing is judged."""
    wanted = all_of(patient.settings)
    answers = roll_call(list({one.url: one for one in wanted}.values()))
    keys, managed = _keys(patient.settings), _managed(patient.settings)
    for answer in answers:
        yield _answered(answer, wanted, managed)
        if answer.wrong:
            continue
        yield from _newest(answer.asked, keys.get(answer.asked.url, ""))
        if (clock := compared(answer.asked.url, answer.date, patient.clock.now())) is not None:
            yield clock


def _answered(answer: Answer, wanted: Sequence[Asked], managed: Collection[str]) -> Finding:
    url = answer.asked.url
    whose = "; ".join(one.whose for one in wanted if one.url == url)
    if not answer.wrong:
        return ok(url, f"{answer.text}, version {answer.version or 'not known'}; frames by {answer.way} ({whose})")
    if url in managed:
        return ok(url, f"does not answer now: its project is started when its recipe is asked for ({whose})")
    cure = "start the project, with -host 0.0.0.0 where it is another machine, and see to address, port and cable"
    return defect(url, f"PEKAT does not answer: {answer.text} ({whose})", cure)


def _managed(settings: Settings) -> set[str]:
    """The addresses whose projects a Projects Manager starts; what it says of them is looked at by itself."""
    return {
        url
        for station in settings.stations
        if station.inspector.manager is not None
        for recipe in station.recipes
        for view in station.view_names or ("",)
        for url in recipe.for_view(view).endpoints
    }


def _keys(settings: Settings) -> dict[str, str]:
    """The API key of each address."""
    recipes = [
        recipe.for_view(view)
        for station in settings.stations
        for recipe in station.recipes
        for view in station.view_names or ("",)
    ]
    return {url: recipe.api_key() for recipe in recipes for url in recipe.endpoints}


def _newest(asked: Asked, key: str) -> Iterator[Finding]:
    """What the context of its newest image says of the project; before its first image that is nothing."""
    options = ClientOptions(connect_timeout_s=asked.connect_timeout_s, api_key=key)
    try:
        with PekatClient(asked.url, options) as client:
            reply = client.last_image(Ask(), Call.within(asked.timeout_s))
    except InspectorError as error:
        yield defect(asked.url, f"it answers a ping and nothing else: {error}", "restart the project")
        return
    reason = read_reply(reply.status, reply.headers, reply.body, ReplyRules()).judgement.reason
    if reason in _CURES:
        yield defect(asked.url, REASON_TEXTS[reason], _CURES[reason])
