"""The report of the matrix: each cell once, and those of the same code that were played before."""

from tests.faults.report import Outcome, Report, this_run


def cells(report: Report, before: dict[str, object]) -> list[tuple[str, str, float]]:
    played = report.over(before)["matrix"]["modbus_bits"]["cells"]
    return [(one["fault"], one["state"], one["well_s"]) for one in played]


def test_a_cell_that_was_played_twice_stands_there_once_as_it_ended() -> None:
    report = Report()
    for well_s in (0.5, 0.7):
        report.cell_passed("modbus_bits", Outcome("killed", "ready", 2, well_s, 3.0), 98)
    assert cells(report, {}) == [("killed", "ready", 0.7)]


def test_what_was_played_before_stays_if_the_code_is_the_same() -> None:
    report = Report()
    report.cell_passed("modbus_bits", Outcome("killed", "ready", 2, 0.5, 3.0), 98)
    earlier = {"fault": "cut", "state": "ready", "parts": 2, "well_s": 0.1, "stated_s": 2.0}
    before = {"of": 98, "cells": [earlier], "run": this_run()}
    assert cells(report, {"matrix": {"modbus_bits": before}}) == [("cut", "ready", 0.1), ("killed", "ready", 0.5)]
    before["run"] = {**this_run(), "code": "0000000"}
    assert cells(report, {"matrix": {"modbus_bits": before}}) == [("killed", "ready", 0.5)]
