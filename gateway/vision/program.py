"""What the inspector runs for one recipe."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.ports import Order, Picture
from gateway.vision.pekat import ClientOptions
from gateway.vision.pekat_reply import ReplyRules


@dataclass(frozen=True, slots=True)
class Program:
    """One recipe as the inspector runs it: a PEKAT project, the same at each of `urls`. For `data` see `data_text`.

    `project` is what the Projects Manager calls it; "" where the gateway leaves starting it to others. `warm_up` is
    judged `warm_up_times` before the first part, and nobody hears of that.
    """

    number: int
    name: str
    urls: tuple[str, ...]
    rules: ReplyRules
    options: ClientOptions
    data: str = ""
    context_in_body: bool = True
    project: str = ""
    warm_up: Picture | None = None
    warm_up_times: int = 1

    def rivals(self, programs: Mapping[int, "Program"]) -> frozenset[str]:
        """Other projects that have one of this one's addresses: whoever answers there may be one of them."""
        others = (one for one in programs.values() if one.project and not set(one.urls).isdisjoint(self.urls))
        return frozenset(one.project for one in others) - {self.project}


def data_text(template: str, order: Order) -> str:
    """The text that goes with the image as `data`. Raises ValueError, LookupError, AttributeError on a bad one."""
    return template.format(
        part_id=order.part_id,
        station=order.station,
        inspection_id=order.inspection_id,
        trigger_seq=order.trigger_seq,
        recipe=order.recipe,
    )
