"""node-opcua, which shares no code with the server, uses the companion model as a SCADA system would."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from tests.opcua.desk import DeskStation, bench, view
from tests.opcua.test_foreign import SelfAnswering, node_opcua, session


@pytest.mark.foreign
@pytest.mark.timeout(120)
async def test_node_opcua_prepares_a_recipe_runs_a_job_and_takes_its_result(tmp_path: Path) -> None:
    node_opcua()
    password = tmp_path / "password"
    password.write_text("Grüße an alle", encoding="utf-8")
    erna = {"name": "erna", "role": "engineer", "password_file": password}
    station: DeskStation = SelfAnswering("line 1")
    async with bench(view(station), allow_unencrypted=False, anonymous="none", users=[erna]) as made:
        pki = str(tmp_path / "pki")
        who = {"USER_NAME": "erna", "USER_PASSWORD": "Grüße an alle"}
        seen = await session("machine_vision.mjs", made.url, "line 1", pki, **who)
    assert seen["before"] == ["Preoperational", "BadStateNotActive"]
    assert {"3:VisionStateMachine", "3:RecipeManagement", "3:ResultManagement"} <= set(seen["children"])
    assert {"StartSingleJob", "Halt", "PrepareRecipe"} <= set(seen["methods"])
    assert (seen["configuration"]["internalId"]["id"], seen["systemState"]["state"]) == ("line 1", 2)
    _check_calls(seen)
    _check_result(seen)
    kinds = [kind.removeprefix("ns=3;i=") for kind, _, _ in seen["events"]]
    numbers = [number for _, _, number in seen["events"] if number]
    assert numbers == [151, 560, 650, 561, 671, 760]
    assert kinds.count("1018") == 6
    assert [kind for kind in kinds if kind not in ("1018", "1038")] == ["1022", "1013", "1025", "1024", "1023"]
    job = seen["started"]["outputs"][0]["id"]
    assert [name for kind, name, _ in seen["events"] if kind in ("ns=3;i=1013", "ns=3;i=1023")] == [job] * 2
    assert seen["folder"] == ["ResultDataType", job]


def _check_calls(seen: dict[str, Any]) -> None:
    assert seen["automatic"] == {"status": "Good", "outputs": [0]}
    assert seen["prepared"]["status"] == "Good"
    assert seen["prepared"]["outputs"][1:] == [True, 0]
    assert seen["started"]["status"] == "Good"
    assert seen["byId"] == {"status": "Good", "error": 0, "type": "ResultDataType"}
    assert seen["byIdPart"] == "part 1"
    assert seen["byIdContent"] == [2, "NOK"]


def _check_result(seen: dict[str, Any]) -> None:
    assert seen["missing"] == []
    assert seen["decoded"] == {
        "configuration": "ConfigurationDataType",
        "ResultId": "ResultIdDataType",
        "MeasId": "MeasIdDataType",
        "PartId": "PartIdDataType",
        "ExternalRecipeId": "RecipeIdExternalDataType",
        "InternalRecipeId": "RecipeIdInternalDataType",
        "ProductId": "ProductIdDataType",
        "ExternalConfigurationId": "ConfigurationIdDataType",
        "InternalConfigurationId": "ConfigurationIdDataType",
        "JobId": "JobIdDataType",
        "ProcessingTimes": "ProcessingTimesDataType",
    }
    content = seen["content"]
    assert content[:3] == [["UInt16", 2], ["String", "NOK"], ["UInt16", 0]]
    verdict, word, reason, text, score, count, detections, names, gap = (value for _, value in content)
    assert (verdict, word, reason, text, count, names, gap) == (2, "NOK", 0, "", 2, ["gap"], [0, 123])
    assert math.isclose(score, 0.75)
    assert [one["label"] for one in json.loads(detections)] == ["Scratch", "Fleck ä"]
