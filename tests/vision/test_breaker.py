"""The circuit breaker of one endpoint, sign by sign."""

import pytest

from gateway.core.result import Reason
from gateway.vision.breaker import WELL, Breaker, BreakerRule, Sign, Standing, after, sign_of, sign_of_ping

RULE = BreakerRule(failures=3, pause_us=5, pause_max_us=60)


def run(*signs: Sign, breaker: Breaker = WELL, now: int = 0, rule: BreakerRule = RULE) -> Breaker:
    for sign in signs:
        breaker = after(breaker, sign, now, rule)
    return breaker


def test_a_refusal_opens_at_once() -> None:
    assert run(Sign.UNREACHABLE).standing is Standing.OPEN


def test_failed_images_in_a_row_open_and_fewer_do_not() -> None:
    assert run(Sign.FAILED, Sign.FAILED).standing is Standing.DOUBTFUL
    assert run(Sign.FAILED, Sign.FAILED, Sign.FAILED).standing is Standing.OPEN
    assert run(Sign.FAILED, Sign.FAILED, Sign.ANSWERED, Sign.FAILED, Sign.FAILED).standing is Standing.DOUBTFUL


def test_pings_between_do_not_hide_that_images_fail() -> None:
    assert run(Sign.FAILED, Sign.PING_ANSWERED).standing is Standing.CLOSED
    assert run(*(Sign.FAILED, Sign.PING_ANSWERED) * 3).standing is Standing.OPEN


def test_a_failed_image_and_a_failed_ping_open_and_so_do_two_pings() -> None:
    assert run(Sign.PING_FAILED).standing is Standing.DOUBTFUL
    assert run(Sign.FAILED, Sign.PING_FAILED).standing is Standing.OPEN
    assert run(Sign.PING_FAILED, Sign.PING_FAILED).standing is Standing.OPEN


@pytest.mark.parametrize("standing", Standing)
def test_an_answered_image_makes_it_well_from_everywhere(standing: Standing) -> None:
    assert run(Sign.ANSWERED, breaker=Breaker(standing, 2, 3, 100)) == WELL


def test_only_a_ping_makes_an_open_one_try_again_and_after_a_refusal_without_a_pause() -> None:
    refused = run(Sign.UNREACHABLE, now=100)
    assert run(Sign.PING_FAILED, breaker=refused, now=10_000).standing is Standing.OPEN
    assert run(Sign.PING_ANSWERED, breaker=refused, now=100).standing is Standing.HALF_OPEN


def test_after_failed_images_not_before_the_pause_ends() -> None:
    opened = run(*(Sign.FAILED,) * 3, now=100)
    assert opened.pause_ends == 105
    assert run(Sign.PING_ANSWERED, breaker=opened, now=104).standing is Standing.OPEN
    assert run(Sign.PING_ANSWERED, breaker=opened, now=105).standing is Standing.HALF_OPEN


def test_the_pause_doubles_to_its_bound_and_starts_anew_once_it_was_well() -> None:
    breaker, pauses = run(*(Sign.FAILED,) * 3), list[int]()
    for _ in range(80):
        pauses.append(breaker.pause_ends)
        breaker = run(Sign.PING_ANSWERED, breaker=breaker, now=breaker.pause_ends)
        breaker = after(Breaker(breaker.standing, breaker.failures, breaker.openings, 0), Sign.FAILED, 0, RULE)
    assert pauses[:6] == [5, 10, 20, 40, 60, 60]
    assert set(pauses[6:]) == {60}
    assert run(Sign.ANSWERED, *(Sign.FAILED,) * 3, breaker=breaker).pause_ends == 5


@pytest.mark.parametrize("sign", [Sign.FAILED, Sign.UNREACHABLE, Sign.PING_FAILED])
def test_on_probation_one_fault_is_enough(sign: Sign) -> None:
    assert run(sign, breaker=Breaker(Standing.HALF_OPEN)).standing is Standing.OPEN


def test_what_was_still_on_its_way_when_it_opened_makes_no_pause_longer() -> None:
    opened = run(*(Sign.FAILED,) * 3)
    assert run(Sign.FAILED, Sign.FAILED, Sign.UNREACHABLE, breaker=opened, now=50) == opened


def test_one_failure_may_be_enough() -> None:
    assert run(Sign.FAILED, rule=BreakerRule(failures=1)).standing is Standing.OPEN


@pytest.mark.parametrize(
    ("reason", "sent", "sign"),
    [
        (Reason.NONE, True, Sign.ANSWERED),
        (Reason.UNDEFINED, True, Sign.ANSWERED),
        (Reason.PROCESSING_OFF, True, Sign.ANSWERED),
        (Reason.FLOW_ERROR, True, Sign.ANSWERED),
        (Reason.BAD_IMAGE, True, Sign.ANSWERED),
        (Reason.UNAUTHORISED, True, Sign.ANSWERED),
        (Reason.BAD_IMAGE, False, None),
        (Reason.SERVER_ERROR, True, Sign.FAILED),
        (Reason.BAD_REPLY, True, Sign.FAILED),
        (Reason.TIMEOUT, True, Sign.FAILED),
        (Reason.TIMEOUT, False, Sign.FAILED),
        (Reason.INSPECTOR_OFFLINE, True, Sign.FAILED),
        (Reason.INSPECTOR_OFFLINE, False, Sign.UNREACHABLE),
        (Reason.CANCELLED, True, None),
        (Reason.SHUTDOWN, False, None),
        (Reason.INTERNAL, True, None),
    ],
)
def test_what_an_image_says(reason: Reason, sent: bool, sign: Sign | None) -> None:
    assert sign_of(reason, sent=sent) is sign


@pytest.mark.parametrize(
    ("reason", "sent", "sign"),
    [
        (Reason.NONE, True, Sign.PING_ANSWERED),
        (Reason.SERVER_ERROR, True, Sign.PING_FAILED),
        (Reason.TIMEOUT, True, Sign.PING_FAILED),
        (Reason.TIMEOUT, False, Sign.PING_FAILED),
        (Reason.BAD_REPLY, True, Sign.PING_FAILED),
        (Reason.INSPECTOR_OFFLINE, True, Sign.PING_FAILED),
        (Reason.INSPECTOR_OFFLINE, False, Sign.UNREACHABLE),
        (Reason.CANCELLED, True, None),
        (Reason.SHUTDOWN, False, None),
    ],
)
def test_what_a_ping_says(reason: Reason, sent: bool, sign: Sign | None) -> None:
    assert sign_of_ping(reason, sent=sent) is sign


def test_every_reason_has_its_meaning() -> None:
    """A reason that somebody adds says nothing of the endpoint, until it is put into one of the sets."""
    told = {reason for reason in Reason if sign_of(reason, sent=True) is not None}
    assert told == {
        Reason.NONE,
        Reason.UNDEFINED,
        Reason.PROCESSING_OFF,
        Reason.FLOW_ERROR,
        Reason.BAD_IMAGE,
        Reason.UNAUTHORISED,
        Reason.SERVER_ERROR,
        Reason.BAD_REPLY,
        Reason.TIMEOUT,
        Reason.INSPECTOR_OFFLINE,
    }
