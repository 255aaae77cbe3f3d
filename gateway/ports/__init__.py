"""What a part of the gateway must be, and what it may use: the four kinds of part, and the station they see.

A part is made from its settings and does nothing until it is entered (`async with`). Parts know these ports and
`core`, never another part. Every method that waits can be cancelled, and leaves nothing running behind it.
"""

from gateway.ports.links import Endpoint, Identity, PlcLink
from gateway.ports.moments import EPOCH, microseconds, moment
from gateway.ports.parts import Fate, ImageSource, Inspector, Order, Part, Picture, RawFormat, ignored
from gateway.ports.results import (
    LARGEST_PAGE,
    NOT_NOTED,
    Journal,
    Pictured,
    PictureSink,
    Recorded,
    ResultQuery,
    ResultSink,
    ResultStore,
    Stages,
    StoredResult,
    Wait,
    result_id,
)
from gateway.ports.reviews import PendingReview, ReviewDesk
from gateway.ports.station import RecipeInfo, StationPort, StationView, Step

__all__ = [
    "EPOCH",
    "LARGEST_PAGE",
    "NOT_NOTED",
    "Endpoint",
    "Fate",
    "Identity",
    "ImageSource",
    "Inspector",
    "Journal",
    "Order",
    "Part",
    "PendingReview",
    "Picture",
    "PictureSink",
    "Pictured",
    "PlcLink",
    "RawFormat",
    "RecipeInfo",
    "Recorded",
    "ResultQuery",
    "ResultSink",
    "ResultStore",
    "ReviewDesk",
    "Stages",
    "StationPort",
    "StationView",
    "Step",
    "StoredResult",
    "Wait",
    "ignored",
    "microseconds",
    "moment",
    "result_id",
]
