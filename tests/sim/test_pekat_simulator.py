"""The simulator by itself: what it answers, how it misbehaves."""

import base64
import io
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from PIL import Image

from gateway.sim.parts import part_image
from gateway.sim.pekat import PekatSimulator
from gateway.sim.pekat_settings import Mischief, Mode, PekatSimSettings

GOOD, BAD = part_image(1, 0), part_image(1, 3)
PNG = b"\x89PNG"


@pytest.fixture
def pekat() -> Iterator[PekatSimulator]:
    with PekatSimulator() as simulator:
        yield simulator


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


def analyze(http: requests.Session, pekat: PekatSimulator, image: bytes = GOOD, query: str = "") -> requests.Response:
    return http.post(f"{pekat.url}/analyze_image{query}", data=image, timeout=5)


# ---- the API ----------------------------------------------------------------------------------------------------


def test_the_context_has_the_shape_of_pekats(http: requests.Session, pekat: PekatSimulator) -> None:
    context = analyze(http, pekat, BAD, "?data=a%20%C5%BE").json()
    assert context["data"] == "a ž"
    assert context["imageShape"] == {"height": 480, "width": 640}
    assert (context["processing"], context["error"], context["errors"]) == (True, False, [])
    assert 0 < context["completeTime"] < 5, "seconds"
    rectangles = context["detectedRectangles"]
    assert len(rectangles) == 3
    for rectangle in rectangles:
        assert rectangle["id"] > 2**32
        assert isinstance(rectangle["x"], float)
        assert 0 <= rectangle["confidence"] <= 1
        winner, other = rectangle["classNames"]
        assert {winner["label"], other["label"]} == {"Scratch", "Spot"}
        assert winner["id"] > 2**32
        assert winner["confidence"] >= other["confidence"]


def test_labels_may_be_any_text_or_missing(http: requests.Session) -> None:
    settings = PekatSimSettings(port=0, scratch_label="Škrábanec", spot_label="Skvrna")
    with PekatSimulator(settings) as pekat:
        reply = analyze(http, pekat, BAD)
        labels = {r["classNames"][0]["label"] for r in reply.json()["detectedRectangles"]}
        assert labels <= {"Škrábanec", "Skvrna"}
    with PekatSimulator(PekatSimSettings(port=0, classify=False, echo_data=False)) as pekat:
        context = analyze(http, pekat, BAD, "?data=x").json()
        assert [r["classNames"] for r in context["detectedRectangles"]] == [[], [], []]
        assert "data" not in context


def test_an_empty_picture_is_a_missing_part(http: requests.Session, pekat: PekatSimulator) -> None:
    out = io.BytesIO()
    Image.new("L", (320, 200), 30).save(out, "PNG")
    context = analyze(http, pekat, out.getvalue()).json()
    assert context["result"] is False
    assert context["detectedRectangles"][0]["classNames"][0]["label"] == "Missing part"


@pytest.mark.parametrize("flag", ["context_in_body", "context_in_body=1", "context_in_body=true"])
def test_the_flag_counts_by_its_presence(http: requests.Session, pekat: PekatSimulator, flag: str) -> None:
    reply = analyze(http, pekat, BAD, f"?response_type=annotated_image&{flag}")
    length = int(reply.headers["imagelen"])
    assert reply.content[:4] == PNG
    assert json.loads(reply.content[length:])["result"] is False


def test_without_the_flag_the_context_is_in_a_header(http: requests.Session, pekat: PekatSimulator) -> None:
    reply = analyze(http, pekat, BAD, "?response_type=heatmap")
    assert reply.headers["Content-Type"] == "image/png"
    assert json.loads(base64.b64decode(reply.headers["ContextBase64utf"]))["result"] is False


def test_last_image_is_the_newest_one_in_every_form(http: requests.Session, pekat: PekatSimulator) -> None:
    url = f"{pekat.url}/last_image"
    assert (http.get(url).status_code, http.get(url).content) == (200, b"")
    analyze(http, pekat, GOOD)
    analyze(http, pekat, BAD)
    assert http.get(url).json()["result"] is False
    assert http.get(f"{url}?response_type=image&context_in_body").content[:4] == PNG
    wrong = http.get(f"{url}?response_type=picture")
    assert (wrong.status_code, wrong.headers["Content-Type"], wrong.content) == (200, "image/png", b"")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/analyze_image", b""),
        ("/analyze_image", b"no image"),
        ("/analyze_image", GOOD[:-2000]),
        ("/analyze_image?response_type=picture", GOOD),
        ("/analyze_raw_image?width=7&height=5", bytes(34)),
        ("/analyze_raw_image?width=7&height=5", bytes(70)),
        ("/analyze_raw_image?width=7&height=5&bayer", bytes(105)),
        ("/analyze_raw_image?width=7", bytes(35)),
        ("/analyze_raw_image?width=0&height=0", b""),
        ("/analyze_raw_image?width=-7&height=-5", bytes(35)),
        ("/analyze_image_shared_memory?width=7&height=5&name=psm_nothing", b""),
        ("/analyze_image_shared_memory?width=7&height=5&name=..%2F..%2Fetc%2Fpasswd", b""),
        ("/analyze_image_shared_memory?width=7&height=5", b""),
    ],
)
def test_what_is_no_image_is_refused(http: requests.Session, pekat: PekatSimulator, path: str, body: bytes) -> None:
    assert http.post(pekat.url + path, data=body).status_code == 400
    assert analyze(http, pekat).json()["result"] is True


def test_raw_images_of_every_kind(http: requests.Session, pekat: PekatSimulator) -> None:
    for query, length in (("", 35), ("", 105), ("&bayer", 35)):
        reply = http.post(f"{pekat.url}/analyze_raw_image?width=7&height=5{query}", data=bytes(length))
        assert reply.json()["imageShape"] == {"height": 5, "width": 7}


def test_png_only_refuses_the_rest(http: requests.Session) -> None:
    out = io.BytesIO()
    Image.open(io.BytesIO(GOOD)).save(out, "JPEG")
    for png_only, status in ((True, 400), (False, 200)):
        with PekatSimulator(PekatSimSettings(port=0, png_only=png_only)) as pekat:
            assert analyze(http, pekat, out.getvalue()).status_code == status
            assert analyze(http, pekat, GOOD).status_code == 200


def test_head_and_version_and_the_page(http: requests.Session, pekat: PekatSimulator) -> None:
    assert http.head(f"{pekat.url}/ping").status_code == 200
    assert http.get(f"{pekat.url}/version").text == "4.0.3"
    assert "PEKAT" in http.get(f"{pekat.url}/api").text
    assert http.get(f"{pekat.url}/nothing").status_code == 404


def test_the_api_key_is_wanted_where_one_is_set(http: requests.Session) -> None:
    with PekatSimulator(PekatSimSettings(port=0, api_key="k")) as pekat:
        assert analyze(http, pekat).status_code == 401
        assert analyze(http, pekat, GOOD, "?api_key=k").status_code == 200


def test_stop_needs_the_right_key_and_ends_the_project(http: requests.Session) -> None:
    with PekatSimulator(PekatSimSettings(port=0, stop_key="42")) as pekat:
        assert http.get(f"{pekat.url}/stop").status_code == 403
        assert http.get(f"{pekat.url}/stop?key=41").status_code == 403
        assert http.get(f"{pekat.url}/stop?key=42").status_code == 200
        deadline = time.monotonic() + 3
        while accepts(pekat.port):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 0.5).close()
    except OSError:
        return False
    return True


# ---- misbehaving ------------------------------------------------------------------------------------------------


def test_mischief_is_ordered_over_http_and_counted(http: requests.Session, pekat: PekatSimulator) -> None:
    def order(**what: Any) -> requests.Response:
        return http.post(f"{pekat.url}/sim/misbehave", json=what)

    assert order(mode="status_500", count=2).status_code == 200
    assert http.get(f"{pekat.url}/sim/state").json() == {"analysed": 0, "misbehaving": "status_500"}
    assert [analyze(http, pekat).status_code for _ in range(3)] == [500, 500, 200]
    assert order(mode="result_absent").status_code == 200
    assert all("result" not in analyze(http, pekat).json() for _ in range(3))
    order(mode="result_absent", count=0)
    assert analyze(http, pekat).json()["result"] is True
    assert order(mode="nonsense").status_code == 422
    assert order(count=1).status_code == 422


def test_mischief_is_not_for_pings(http: requests.Session) -> None:
    settings = PekatSimSettings(port=0, mischief=Mischief(mode=Mode.STATUS_500))
    with PekatSimulator(settings) as pekat:
        assert http.get(f"{pekat.url}/ping").status_code == 200
        assert analyze(http, pekat).status_code == 500


def test_a_reply_broken_off_names_its_full_length(http: requests.Session, pekat: PekatSimulator) -> None:
    pekat.misbehave("close_mid_body", 1)
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        analyze(http, pekat)
    assert analyze(http, pekat).status_code == 200


def test_the_project_takes_its_time(http: requests.Session) -> None:
    with PekatSimulator(PekatSimSettings(port=0, delay_ms=150)) as pekat:
        began = time.monotonic()
        assert analyze(http, pekat).json()["completeTime"] >= 0.15
        assert time.monotonic() - began >= 0.15
