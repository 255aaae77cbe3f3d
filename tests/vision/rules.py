"""The rules that the reply tests read with: a class table and one user value of each kind."""

import jmespath

from gateway.core.tags import TagType
from gateway.vision.context import UserValueRule
from gateway.vision.pekat_reply import ReplyRules, ResponseType

CLASSES = {"Scratch": 1, "Škrábanec": 1, "Spot": 2, "Screw": 7, "NOK": 9}

USER_VALUES = (
    UserValueRule("gap", jmespath.compile("measurement.gap"), TagType.UINT16, 7, scale=10.0),
    UserValueRule("text", jmespath.compile("label_measurement"), TagType.STRING, "none"),
    UserValueRule("flag", jmespath.compile("flag"), TagType.BIT, False),
    UserValueRule("ratio", jmespath.compile("measurement.ratio"), TagType.FLOAT32, 0.0, scale=4.0, offset=-0.5),
)


def rules(response_type: ResponseType = "context", result_path: str = "") -> ReplyRules:
    path = jmespath.compile(result_path) if result_path else None
    return ReplyRules(CLASSES, USER_VALUES, response_type, path)
