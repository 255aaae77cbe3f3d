"""docs/pictures.md tells of each reason that lies in an image, by its number."""

import re
from pathlib import Path

from gateway.core.result import AT_THE_IMAGE
from gateway.images.limits import DEFAULT_LIMITS

DOCUMENT = Path(__file__).parents[2] / "docs" / "pictures.md"


def test_each_reason_has_its_row_and_the_defaults_are_the_real_ones() -> None:
    text = DOCUMENT.read_text("utf-8")
    rows = {int(number) for number in re.findall(r"^\|[^|]+\| (\d+) \|", text, re.MULTILINE)}
    assert rows == set(AT_THE_IMAGE)
    assert f"`max_file_mb` ({DEFAULT_LIMITS.max_bytes // 10**6})" in text
    assert f"`max_megapixels` ({DEFAULT_LIMITS.max_pixels // 10**6})" in text
