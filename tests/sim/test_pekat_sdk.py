"""The vendor's own client, unchanged, against the simulator: every call that it makes, shared memory included."""

import io
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from PekatVisionSDK import Instance
from PekatVisionSDK.errors import InvalidResponseTypeError
from PIL import Image
from skimage import data as photographs

from gateway.sim.parts import part_image, part_pixels
from gateway.sim.pekat import PekatSimulator
from gateway.sim.pekat_settings import PekatSimSettings

IMAGE_TYPES = ("image", "annotated_image", "heatmap")
SHM = Path("/dev/shm")


@pytest.fixture(params=["4.0.3", "3.17.1", ""], ids=["shared memory", "raw", "no version"])
def pekat(request: pytest.FixtureRequest) -> Iterator[PekatSimulator]:
    with PekatSimulator(PekatSimSettings(port=0, version=request.param)) as simulator:
        yield simulator


@pytest.fixture(params=[True, False], ids=["context in body", "context in header"])
def sdk(request: pytest.FixtureRequest, pekat: PekatSimulator) -> Iterator[Any]:
    with connected(pekat, context_in_body=request.param) as instance:
        yield instance


class connected:  # noqa: N801  # reads as a phrase: with connected(pekat)
    """An SDK instance, with what it leaves behind cleaned up: its session, and the shared memory it never unlinks."""

    def __init__(self, pekat: PekatSimulator, **options: Any) -> None:
        self._blocks = blocks()
        self._instance = Instance(port=pekat.port, already_running=True, **options)

    def __enter__(self) -> Any:
        return self._instance

    def __exit__(self, *exc: object) -> None:
        self._instance.session.close()
        self._instance._shm_arr = None
        self._instance._shm.close()
        for name in blocks() - self._blocks:
            (SHM / name).unlink()
            resource_tracker.unregister(f"/{name}", "shared_memory")


def blocks() -> set[str]:
    return {path.name for path in SHM.glob("psm_*")} if SHM.exists() else set()


def test_connecting_pings(sdk: Any) -> None:
    assert sdk.ping().status_code == 200


def test_bytes_and_paths(sdk: Any, tmp_path: Path) -> None:
    good, bad = part_image(1, 0), part_image(1, 2)
    assert sdk.analyze(good).context["result"] is True
    (tmp_path / "bad.png").write_bytes(bad)
    for path in (tmp_path / "bad.png", str(tmp_path / "bad.png")):
        image, context = sdk.analyze(path)
        assert image is None
        assert context["result"] is False
        assert len(context["detectedRectangles"]) == 2


@pytest.mark.parametrize("kind", IMAGE_TYPES)
def test_every_kind_of_image_comes_with_its_context(sdk: Any, kind: str) -> None:
    image, context = sdk.analyze(part_image(3, 1), response_type=kind)
    assert context["result"] is False
    picture = Image.open(io.BytesIO(image))
    assert (picture.format, picture.size) == ("PNG", (640, 480))
    assert picture.mode == ("L" if kind == "image" else "RGB")


def test_arrays_grey_and_colour(sdk: Any) -> None:
    gray = part_pixels(2, 1)
    for pixels in (gray, np.dstack([gray] * 3), gray[:, ::-1], np.ascontiguousarray(gray[:300, :301])):
        result = sdk.analyze(pixels)
        assert result.context["imageShape"] == {"height": pixels.shape[0], "width": pixels.shape[1]}
    image, _ = sdk.analyze(np.dstack([gray, gray // 2, gray // 4]), response_type="image")
    red, green, blue = (int(band.mean()) for band in np.asarray(Image.open(io.BytesIO(image))).transpose(2, 0, 1))
    assert red < green < blue, "pixels are BGR on the wire"


def test_arrays_are_judged_like_files(sdk: Any) -> None:
    for defects in (0, 1, 3):
        assert len(sdk.analyze(part_pixels(9, defects)).context["detectedRectangles"]) == defects


def test_random_pixels_with_every_kind_of_answer(sdk: Any) -> None:
    for kind in ("context", *IMAGE_TYPES):
        assert sdk.send_random(response_type=kind).context["processing"] is True
    assert sdk.send_random((64, 48)).context["imageShape"] == {"height": 64, "width": 48}


def test_data_arrives_as_the_sdk_sends_it(sdk: Any) -> None:
    assert sdk.analyze(part_image(1), data="L1|000417").context["data"] == "L1|000417"
    assert sdk.analyze(part_image(1)).context["data"] == "None", "the SDK writes the word"
    assert sdk.analyze(part_pixels(1, 0), "heatmap", "žluťoučký kůň").context["data"] == "žluťoučký kůň"


def test_stop_of_an_instance_that_it_did_not_start_asks_nothing(sdk: Any) -> None:
    sdk.stop()
    assert sdk.ping().status_code == 200


def test_a_wrong_response_type_is_refused_by_the_sdk(sdk: Any) -> None:
    with pytest.raises(InvalidResponseTypeError):
        sdk.analyze(part_image(1), response_type="picture")


def test_which_way_arrays_take() -> None:
    """Shared memory from 3.18 on, and only with a version."""
    for version, shared in (("4.0.3", True), ("v3.18.0", True), ("3.17.9", False), ("", False)):
        with PekatSimulator(PekatSimSettings(port=0, version=version)) as pekat, connected(pekat) as sdk:
            assert sdk._can_use_shm is shared
            sdk.analyze(part_pixels(1, 0))


def test_a_block_that_cannot_be_attached_is_refused_to_the_sdk() -> None:
    """The vendor's client does not fall back: it takes the refusal for a context."""
    settings = PekatSimSettings(port=0, shares_memory=False)
    with PekatSimulator(settings) as pekat, connected(pekat) as sdk:
        with pytest.raises(requests.exceptions.JSONDecodeError):
            sdk.analyze(part_pixels(1, 0))
        assert sdk.analyze(part_image(1, 0)).context["result"] is True
        assert pekat.analysed == 1


@pytest.mark.skipif(not SHM.exists(), reason="shared memory is no folder here")
def test_the_simulator_leaves_the_clients_shared_memory_alone() -> None:
    before = blocks()
    with PekatSimulator() as pekat, connected(pekat) as sdk:
        assert sdk.analyze(part_pixels(1, 0)).context["result"] is True
        name = sdk._shm.name
        assert name in blocks()
        assert sdk.analyze(part_pixels(1, 1)).context["result"] is False, "the same block, other pixels"
        assert sdk._shm.name == name
    assert blocks() == before


def test_a_refusal_comes_to_the_sdk_as_the_real_ones_do(pekat: PekatSimulator) -> None:
    with connected(pekat) as sdk, pytest.raises(requests.exceptions.JSONDecodeError):
        sdk.analyze(b"no image")


def test_a_context_too_long_for_a_header_fails_there_and_passes_in_the_body(pekat: PekatSimulator) -> None:
    pekat.misbehave("huge_context")
    with connected(pekat, context_in_body=True) as sdk:
        assert len(sdk.analyze(part_image(1), "image").context["stdout"]) > 65536
    with connected(pekat, context_in_body=False) as sdk, pytest.raises(requests.exceptions.ConnectionError):
        sdk.analyze(part_image(1), "image")


def test_no_image_where_the_flow_gives_none(sdk: Any, pekat: PekatSimulator) -> None:
    pekat.misbehave("no_image")
    image, context = sdk.analyze(part_image(1, 0), "heatmap")
    assert image is None
    assert context["result"] is True


def test_photographs() -> None:
    with PekatSimulator() as pekat, connected(pekat) as sdk:
        for name in ("coins", "camera", "astronaut", "rocket", "text"):
            pixels = getattr(photographs, name)()
            for kind in ("PNG", "JPEG", "BMP"):
                out = io.BytesIO()
                Image.fromarray(pixels).save(out, kind)
                first = sdk.analyze(out.getvalue()).context
                assert isinstance(first["result"], bool)
                assert first["imageShape"] == {"height": pixels.shape[0], "width": pixels.shape[1]}
                again = sdk.analyze(out.getvalue(), "annotated_image")
                assert again.context["detectedRectangles"] == first["detectedRectangles"]
                assert Image.open(io.BytesIO(again.image_bytes)).size == pixels.shape[1::-1]


def test_clients_side_by_side() -> None:
    with ExitStack() as stack:
        pekat = stack.enter_context(PekatSimulator())
        clients = [stack.enter_context(connected(pekat, context_in_body=bool(number % 2))) for number in range(4)]
        right: list[bool] = []

        def work(seed: int) -> None:
            for defects in (0, 1) * 3:
                context = clients[seed].analyze(part_image(seed, defects), "image").context
                right.append(context["result"] is (defects == 0))

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert right == [True] * 24
        assert pekat.analysed == 24
