"""Results for people: many in a table, one with everything that is known of it."""

import sys
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.cli.moments import shown
from gateway.cli.results_columns import COLUMNS, as_text, word
from gateway.core.result import REASON_TEXTS, Detection, Reason, Verdict, ViewJudgement
from gateway.ports import StoredResult

VERDICT_STYLES = {Verdict.OK: "bold green", Verdict.NOK: "bold red", Verdict.NO_DECISION: "bold yellow"}

PIPE_WIDTH = 4096
"""Columns in a file or a pipe: a result stays in one line."""

_NUMBERS = frozenset({"seq", "recipe", "defects", "score", "total ms"})
_LIST = ("time (UTC)", "station", "seq", "part", "recipe", "verdict", "reason", "defects", "score", "total ms", "id")
_NARROW = ("time (UTC)", "part", "verdict", "reason", "id")
_WIDE = 130
"""Columns from which on a terminal gets all of _LIST."""
_WHOLE = frozenset({"time (UTC)", "verdict", "id"})
"""Never broken over two lines."""
_IN_TABLES = frozenset({"detections", "user_values", "views", "images", "pictures", "image_files", "time"})


def console() -> Console:
    """Standard output: as wide as the terminal, with colours; wide and plain in a pipe."""
    return Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)


def visible(words: str) -> str:
    """Without anything that a terminal would act on: part ids and labels come from other machines."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in words)


def listed(results: Iterable[StoredResult], width: int) -> Table:
    """A line for each result; in a narrow terminal what tells most."""
    titles = _LIST if width >= _WIDE else _NARROW
    table = _table(*titles)
    for stored in results:
        cells = _line(stored)
        table.add_row(*(cells[title] for title in titles))
    return table


def _line(stored: StoredResult) -> dict[str, Text]:
    result, judgement = stored.result, stored.result.judgement
    texts = (
        shown(stored.answered)[:-4].replace("T", " "),
        visible(stored.station),
        str(result.result_seq),
        visible(result.part_id),
        str(result.recipe),
        word(result.verdict),
        "" if judgement.reason is Reason.NONE else word(judgement.reason),
        str(len(judgement.detections)),
        "" if judgement.score is None else f"{judgement.score:.3f}",
        f"{result.total_us / 1000:.1f}",
        stored.result_id,
    )
    return {title: Text(text) for title, text in zip(_LIST, texts, strict=True)} | {"verdict": _verdict(result.verdict)}


def one_result(stored: StoredResult) -> Iterable[Table]:
    """Everything of one result: its values, when it was what, its detections and user values."""
    yield _values(stored)
    judgement = stored.result.judgement
    if judgement.views:
        yield _views(judgement.views)
    if judgement.detections:
        yield _detections(judgement.detections)
    if judgement.user_values:
        table = _table("user value", "")
        for name, value in judgement.user_values:
            table.add_row(Text(visible(name)), Text(visible(str(value))))
        yield table


def _values(stored: StoredResult) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, moment in (("accepted", stored.accepted), ("exposed", stored.exposed), ("answered", stored.answered)):
        table.add_row(name, shown(moment) if moment is not None else "no image was taken")
    for name, column in COLUMNS.items():
        value = column(stored)
        if name == "verdict":
            table.add_row(name, _verdict(stored.result.verdict))
        elif name not in _IN_TABLES:
            table.add_row(name, Text(visible(as_text(value))))
    for view, picture in stored.pictures:
        table.add_row(f"picture {view}".rstrip(), Text(visible(picture)))
    for file in stored.archived:
        table.add_row("archived as", Text(visible(file)))
    for image in stored.images:
        table.add_row("image", Text(visible(image)))
    table.add_row("why", REASON_TEXTS[stored.result.judgement.reason])
    counts = stored.counts
    told = (counts.triggers, counts.ok, counts.nok, counts.no_decision, counts.missed)
    table.add_row("counters then", "{} triggers, {} ok, {} nok, {} no decision, {} missed".format(*told))
    return table


def _views(views: Sequence[ViewJudgement]) -> Table:
    table = _table("view", "verdict", "reason", "defects", "class", "score", "PEKAT ms", "detail")
    for one in views:
        reason = "" if one.reason is Reason.NONE else word(one.reason)
        score = "" if one.score is None else f"{one.score:.3f}"
        numbers = (str(one.detection_count), str(one.defect_class), score, f"{one.inspector_us / 1000:.1f}")
        name, detail = Text(visible(f"{one.view} {one.name}")), Text(visible(one.detail))
        table.add_row(name, _verdict(one.verdict), reason, *numbers, detail)
    return table


def _detections(detections: Sequence[Detection]) -> Table:
    several = any(one.view for one in detections)
    table = _table("detection", *(["view"] if several else []), "class", "confidence", "x", "y", "width", "height")
    for one in detections:
        numbers = (f"{one.confidence:.3f}", *(f"{length:.1f}" for length in (one.x, one.y, one.width, one.height)))
        whose = [str(one.view)] if several else []
        table.add_row(Text(visible(one.label)), *whose, str(one.class_number), *numbers)
    return table


def _table(*titles: str) -> Table:
    piped = not sys.stdout.isatty()
    table = Table(box=None if piped else box.SIMPLE_HEAD, pad_edge=not piped)
    for title in titles:
        table.add_column(
            title, justify="right" if title in _NUMBERS else "left", no_wrap=piped or title in _WHOLE, overflow="fold"
        )
    return table


def _verdict(verdict: Verdict) -> Text:
    return Text(word(verdict), style=VERDICT_STYLES.get(verdict, ""))
