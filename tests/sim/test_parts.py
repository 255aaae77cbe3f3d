"""The pictures of parts, and that the simulator sees in them what was drawn."""

import io

import numpy as np
import pytest
from PIL import Image

from gateway.sim.parts import DEMO_SIZE, defects_of, part_image, part_pixels
from gateway.sim.pekat_vision import Gray, look

SEEDS = range(200)


def test_a_faultless_part_is_seen_as_such_and_a_bad_one_with_all_its_defects() -> None:
    for seed in SEEDS:
        assert look(part_pixels(seed, 0)).blobs == ()
        for defects in (1, 3):
            assert len(look(part_pixels(seed, defects)).blobs) == defects, seed


def test_the_seed_decides_about_seventy_percent_good() -> None:
    good = 0
    for seed in SEEDS:
        sight = look(part_pixels(seed))
        assert sight.part
        assert len(sight.blobs) == defects_of(seed)
        good += not sight.blobs
    assert 0.55 * len(SEEDS) < good < 0.8 * len(SEEDS)


def test_both_kinds_of_defects_are_drawn_and_told_apart() -> None:
    blobs = [blob for seed in range(60) for blob in look(part_pixels(seed, 2)).blobs]
    scratches = [blob for blob in blobs if blob.is_scratch]
    assert 0.3 < len(scratches) / len(blobs) < 0.7
    assert all(blob.elongation > 4 or blob.elongation < 1.6 for blob in blobs), "no doubtful ones"


def test_a_part_is_the_same_for_the_same_seed_and_another_one_for_another() -> None:
    assert part_image(5) == part_image(5)
    assert part_image(5) != part_image(6)


@pytest.mark.parametrize("size", [(64, 64), (200, 900), DEMO_SIZE, (1920, 1200)])
def test_a_part_of_any_size_is_judged_right(size: tuple[int, int]) -> None:
    for seed in range(5):
        picture = Image.open(io.BytesIO(part_image(seed, 0, size)))
        assert (picture.size, picture.mode, picture.format) == (size, "L", "PNG")
        assert look(np.asarray(picture)).blobs == ()
        assert len(look(part_pixels(seed, 2, size)).blobs) == 2


@pytest.mark.parametrize(("defects", "size"), [(-1, DEMO_SIZE), (9, DEMO_SIZE), (0, (63, 64)), (0, (64, 10))])
def test_what_cannot_be_drawn_is_refused(defects: int, size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="cannot be drawn"):
        part_image(1, defects, size)


def flat(height: int, width: int, value: int = 200) -> Gray:
    return np.full((height, width), value, dtype=np.uint8)


def test_a_flat_picture_has_no_part() -> None:
    assert not look(flat(100, 100)).part
    assert not look(flat(1, 1)).part


def test_what_touches_the_edge_is_ground_and_diagonal_cells_are_one() -> None:
    picture = flat(100, 100)
    picture[:10, :] = picture[:, -5:] = 20
    for step in range(12):
        picture[40 + 2 * step : 42 + 2 * step, 40 + 2 * step : 42 + 2 * step] = 20  # touching at corners only
    sight = look(picture)
    assert [(blob.x, blob.y, blob.width, blob.height) for blob in sight.blobs] == [(40, 40, 24, 24)]
    assert sight.blobs[0].is_scratch
    assert sight.blobs[0].rotate == pytest.approx(45, abs=2)
    mirrored = look(np.ascontiguousarray(picture[:, ::-1])).blobs
    assert [(blob.y, blob.width, blob.height) for blob in mirrored] == [(40, 24, 24)]
    assert mirrored[0].rotate == pytest.approx(-45, abs=2)


def test_a_ring_is_one_blob_whatever_its_rows_look_like() -> None:
    """U shapes join late: the region must still be one."""
    picture = flat(120, 120)
    picture[30:90, 30:36] = picture[30:90, 84:90] = picture[84:90, 30:90] = 20
    assert len(look(picture).blobs) == 1


@pytest.mark.timeout(20)
def test_noise_and_textures_are_bounded_work() -> None:
    rng = np.random.default_rng(1)
    look(rng.integers(0, 256, (2048, 2448), dtype=np.uint8))
    look(rng.integers(0, 256, (512, 512), dtype=np.uint8))
    dots = flat(240, 240)
    dots[1:-1:2, 1:-1:2] = 0
    look(dots)
