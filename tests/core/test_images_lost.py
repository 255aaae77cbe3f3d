"""Images that the archive could not keep: counted in a tag, told as an error, and no inspection knows of it."""

from gateway.core import events as ev
from gateway.core.counts import ImagesLost
from gateway.core.errors import Cause, ErrorCode, Fault
from tests.core.driver import rig

ARCHIVE_DOWN = Fault(ErrorCode.ARCHIVE_DOWN, Cause.ARCHIVE)


def test_they_are_counted_and_a_reset_forgets_none() -> None:
    bench = rig().happen(ImagesLost(3)).happen(ImagesLost(4))
    bench.reads(images_lost=7, ready=True, error=False)
    bench.write(reset=True).reads(images_lost=7)


def test_the_count_wraps_in_its_tag() -> None:
    rig().happen(ImagesLost(65535)).happen(ImagesLost(3)).reads(images_lost=2)


def test_an_archive_that_is_down_keeps_no_station_from_working() -> None:
    bench = rig().happen(ev.PartFailed(ARCHIVE_DOWN))
    bench.reads(online=True, ready=True, error=True, error_code=23, error_cause=10)
    bench.happen(ev.PartRecovered(ARCHIVE_DOWN)).reads(error=True)
    bench.write(error_ack=True).reads(error=False, error_code=0)
