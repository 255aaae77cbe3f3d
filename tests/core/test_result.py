"""Judgements, results and numbers: H10's promise is kept where a judgement is made."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import Cause, ErrorCode, OfflineReason, RejectReason
from gateway.core.result import (
    NOT_A_FAULT,
    REASON_TEXTS,
    UNDECIDED,
    Judgement,
    Reason,
    Result,
    Verdict,
    no_decision,
    too_late,
)
from gateway.core.state import next_seq


@pytest.mark.parametrize(("verdict", "reason"), list(product(Verdict, Reason)))
def test_h10_a_judgement_refuses_to_contradict_itself(verdict: Verdict, reason: Reason) -> None:
    decided = verdict in (Verdict.OK, Verdict.NOK) and reason in (Reason.NONE, Reason.BY_OPERATOR)
    open_with_reason = verdict is Verdict.NO_DECISION and reason in UNDECIDED
    too_late_for_one = verdict is Verdict.NOK and reason is Reason.TOO_LATE
    if decided or open_with_reason or too_late_for_one:
        assert Judgement(verdict, reason).reason is reason
    else:
        with pytest.raises(ValueError, match="cannot go with"):
            Judgement(verdict, reason)


@pytest.mark.parametrize("reason", sorted(UNDECIDED))
def test_every_reason_makes_a_no_decision_with_a_text(reason: Reason) -> None:
    judgement = no_decision(reason)
    assert (judgement.verdict, judgement.reason, judgement.detail) == (
        Verdict.NO_DECISION,
        reason,
        REASON_TEXTS[reason],
    )
    assert no_decision(reason, "because").detail == "because"


def test_no_decision_without_a_reason_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot go with"):
        no_decision(Reason.NONE)


@pytest.mark.parametrize("verdict", [Verdict.NONE, Verdict.OK, Verdict.NO_DECISION])
def test_too_late_goes_with_nok_alone(verdict: Verdict) -> None:
    assert too_late().verdict is Verdict.NOK
    with pytest.raises(ValueError, match="cannot go with"):
        Judgement(verdict, Reason.TOO_LATE)


def test_every_fault_has_its_error_code() -> None:
    for reason in Reason:
        if reason not in NOT_A_FAULT:
            assert ErrorCode(100 + reason).name == f"NO_DECISION_{reason.name}"
    assert {code - 100 for code in ErrorCode if code > 100} == set(Reason) - NOT_A_FAULT


@pytest.mark.parametrize("enum", [Verdict, Reason, RejectReason, OfflineReason, ErrorCode, Cause])
def test_zero_means_none_and_every_number_fits_a_word(enum: type[Verdict]) -> None:
    assert enum(0).name == "NONE"
    assert all(0 <= member <= 0xFFFF for member in enum)


@given(seq=st.integers(0, 65535))
def test_numbers_run_from_1_to_65535_and_never_are_0(seq: int) -> None:
    assert next_seq(seq) == (1 if seq == 65535 else seq + 1)


def test_total_time_runs_from_acceptance_to_answer() -> None:
    result = Result(1, 1, 1, "", 1, Judgement(Verdict.NOK), 1_000, 1_200, 26_000)
    assert (result.total_us, result.verdict) == (25_000, Verdict.NOK)
