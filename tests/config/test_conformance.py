"""The tables of conformance: generated from a running server, and nothing missing without a reason."""

from gateway.cli.conformance import events_table, facets_table, has_unit, nodes_table
from gateway.cli.vision_facets import EVENTS, FACETS, PROFILES, REASONS, UNITS
from gateway.sim.vision_survey import Declared, Survey


def test_what_is_declared_mandatory_is_there() -> None:
    rows = [line for line in nodes_table().splitlines() if "mandatory" in line]
    assert len(rows) > 20
    assert all("| yes |" in row for row in rows)


def test_every_reason_is_used_and_every_facet_is_in_the_table() -> None:
    told = nodes_table() + events_table()
    assert all(f"`{path}`" in told or f"i={path}`" in told for path in REASONS)
    assert all(f"| {facet.name} |" in facets_table() for facet in (*FACETS, *PROFILES))
    assert {title for one in (*FACETS, *PROFILES) for title in (*one.mandatory, *one.optional)} == set(UNITS)


def test_a_unit_needs_all_of_its_nodes_and_events() -> None:
    unit = UNITS["Basic Recipe Management"]
    everything = Survey({path: Declared("Method", True) for path in unit.nodes}, set(unit.nodes), set(unit.events))
    assert has_unit(everything, unit.title)
    assert not has_unit(Survey(present=set(unit.nodes[1:]), events=set(unit.events)), unit.title)
    assert not has_unit(Survey(present=set(unit.nodes)), unit.title)
    assert set(unit.events) <= set(EVENTS)
