"""What is made again is what its class makes: the same object, and as closed."""

from dataclasses import FrozenInstanceError, dataclass, fields, replace
from itertools import product
from typing import Any

import pytest

from gateway.again import again
from gateway.core.counts import Counts
from gateway.core.result import Detection, Judgement, Reason, Result, Verdict
from gateway.ports import Stages, StoredResult
from tests.sinks.results import SCRATCH, recorded, registrar

STORED = replace(registrar().stored(recorded(7)), number=3, stages=Stages(1, 2, None, 4))
MADE = (STORED, STORED.result, STORED.result.judgement, SCRATCH, STORED.counts, STORED.stages)


@pytest.mark.parametrize("one", MADE, ids=lambda one: type(one).__name__)
def test_it_is_what_its_class_makes(one: Any) -> None:
    names = [place.name for place in fields(one)]
    made = again(type(one))(*(getattr(one, name) for name in names))
    assert type(made) is type(one)
    assert (made, repr(made), hash(made)) == (one, repr(one), hash(one))
    with pytest.raises(FrozenInstanceError):
        setattr(made, names[0], None)
    with pytest.raises(FrozenInstanceError):
        delattr(made, names[0])
    assert not hasattr(made, "__dict__")


def test_what_is_not_given_is_as_its_class_has_it() -> None:
    """Rows of older gateways are shorter: a detection had no view."""
    old = ("Scratch", 1, 0.5, 1.0, 2.0, 3.0, 4.0)
    assert again(Detection)(*old) == Detection(*old)
    assert again(Counts)(7, late=1) == Counts(7, late=1)


@pytest.mark.parametrize(("kind", "values"), [(Detection, 6), (Detection, 9), (Counts, 7), (Result, 3)])
def test_too_few_values_and_too_many_are_refused(kind: type, values: int) -> None:
    with pytest.raises(TypeError):
        again(kind)(*range(values))


def test_a_judgement_that_contradicts_itself_is_refused_as_ever() -> None:
    remade = again(Judgement)
    for verdict, reason in product(Verdict, Reason):
        try:
            expected = Judgement(verdict, reason)
        except ValueError as error:
            with pytest.raises(ValueError, match=str(error)):
                remade(verdict, reason)
        else:
            assert remade(verdict, reason) == expected


def test_a_class_with_other_slots_is_not_taken() -> None:
    @dataclass(frozen=True)
    class Loose:
        at: int

    with pytest.raises(TypeError, match="layout"):
        again(Loose)(1)


def test_one_stored_result_can_be_replaced_and_compared() -> None:
    made = again(StoredResult)(*(getattr(STORED, place.name) for place in fields(STORED)))
    assert replace(made, number=4) == replace(STORED, number=4)
    assert made.says_the_same(STORED)
