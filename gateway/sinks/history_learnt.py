"""How what is learnt of a result after its answer gets into its row."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, func, update

from gateway.sinks.history_table import KEY, RESULTS
from gateway.sinks.history_words import text

_LATER = ("shown_us", "acknowledged_us", "images_kept")

LEARNT = (
    update(RESULTS)
    .where(*(RESULTS.c[name] == bindparam(name) for name in KEY))
    .values(
        {name: func.coalesce(bindparam(f"new_{name}", type_=RESULTS.c[name].type), RESULTS.c[name]) for name in _LATER}
    )
)
"""A result's row gets what `row_learnt` has, and keeps the rest. None at all where it is gone."""


def row_learnt(station: str, result_id: str, values: Mapping[str, int | bool]) -> dict[str, Any]:
    """The values of some of these columns, for LEARNT."""
    return {"station": text(station), "result_id": result_id} | {f"new_{name}": values.get(name) for name in _LATER}
