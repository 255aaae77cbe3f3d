"""The numbers of the output argument Error follow the tags' numbers, and each has its text."""

import pytest

from gateway.core.errors import ErrorCode, RefusedError, RejectReason
from gateway.plc.opcua.machine_vision.error_codes import ERROR_TEXTS, MethodError, MethodFailedError, error_of


def test_every_number_is_ours_and_has_a_text() -> None:
    """OPC 40100-1: 0 is good, numbers above 0 are the standard's."""
    assert set(ERROR_TEXTS) == set(MethodError)
    assert all(error < 0 for error in MethodError if error is not MethodError.NONE)
    assert len(set(ERROR_TEXTS.values())) == len(MethodError)


@pytest.mark.parametrize("reason", [reason for reason in RejectReason if reason])
def test_every_reason_to_reject_a_trigger_has_its_number(reason: RejectReason) -> None:
    assert error_of(RefusedError(reason)) == -100 - reason
    assert error_of(RefusedError(reason)).name == reason.name


@pytest.mark.parametrize("code", [code for code in ErrorCode if code.name.startswith("RECIPE_")])
def test_every_end_of_a_recipe_change_has_its_number(code: ErrorCode) -> None:
    assert error_of(RefusedError(code)) == -200 - code


def test_whatever_else_is_refused_is_never_good() -> None:
    assert all(error_of(RefusedError(code)) is not MethodError.NONE for code in ErrorCode)


def test_a_method_has_errors_of_its_own() -> None:
    assert error_of(MethodFailedError(MethodError.UNKNOWN_HANDLE)) is MethodError.UNKNOWN_HANDLE
