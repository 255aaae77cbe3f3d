"""Every rule H1..H38 is named by a test that proves it; a rule without a test is a promise without a proof."""

import re
from pathlib import Path

HERE = Path(__file__).parent


def test_each_rule_is_named_by_a_test() -> None:
    names = re.findall(r"^def test_h(\d+)_", "".join(p.read_text() for p in HERE.glob("test_rules_*.py")), re.MULTILINE)
    assert {int(name) for name in names} == set(range(1, 39))
