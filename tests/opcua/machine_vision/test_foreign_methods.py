"""node-opcua, which shares no code with the server, calls the methods of a vision system and decodes the answers."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gateway.core.actions import AwaitPicture
from gateway.plc.opcua.machine_vision.error_codes import MethodError
from tests.opcua.desk import DeskStation, bench, view
from tests.opcua.test_foreign import SelfAnswering, node_opcua, session


class Line(SelfAnswering):
    """A line where the next part comes 5 ms after the station could take it."""

    def _perform(self, action: Any) -> None:
        super()._perform(action)
        if isinstance(action, AwaitPicture):
            asyncio.get_running_loop().call_later(0.005, self._bring)

    def _bring(self) -> None:
        if self.state.continuous is not None and self.state.continuous.awaiting:
            self.picture()


@pytest.mark.foreign
@pytest.mark.timeout(120)
async def test_node_opcua_calls_the_methods(tmp_path: Path) -> None:
    node_opcua()
    password = tmp_path / "password"
    password.write_text("secret")
    erna = {"name": "erna", "role": "engineer", "password_file": password}
    station: DeskStation = Line("line 1")
    async with bench(view(station), allow_unencrypted=False, anonymous="none", users=[erna]) as made:
        who = {"USER_NAME": "erna", "USER_PASSWORD": "secret"}
        seen = await session("vision_methods.mjs", made.url, "line 1", str(tmp_path / "pki"), **who)
    assert (seen["automatic"], seen["activated"], seen["stopped"]) == ([0], [0], [0])
    assert (seen["recipes"]["count"], seen["recipes"]["error"]) == (2, 0)
    assert [one["id"] for one in seen["recipes"]["list"]] == ["1", "2"]
    assert seen["recipeTypes"] == ["RecipeIdInternalDataType"] * 2
    assert (seen["released"], seen["releasedTwice"]) == ([0], [MethodError.UNKNOWN_HANDLE])
    assert (seen["configuration"], seen["sameConfiguration"]) == ("ConfigurationDataType", True)
    assert seen["refused"] == MethodError.CONTINUOUS
    assert seen["jobs"] is True
    assert seen["pages"] == {"all": True, "ends": True}
    assert seen["nothing"] == [True, 0]
    _check_components(seen)
    assert seen["unknown"] == ["Good", MethodError.UNKNOWN_RESULT]
    assert (seen["few"], seen["many"]) == ("BadArgumentsMissing", "BadTooManyArguments")
    assert seen["wrong"] == ["BadInvalidArgument", ["BadTypeMismatch", "BadTypeMismatch"]]
    assert seen["executable"] is True
    assert not station.state.halted


def _check_components(seen: dict[str, Any]) -> None:
    """All seventeen outputs, in the specification's order."""
    structures = [
        "MeasIdDataType", "PartIdDataType", "RecipeIdExternalDataType", "RecipeIdInternalDataType", "ProductIdDataType",
        "ConfigurationIdDataType", "ConfigurationIdDataType", "JobIdDataType",
    ]  # fmt: skip
    assert seen["components"] == [
        "Boolean", "UInt32", "Boolean", "Boolean", "Int32", *["ExtensionObject"] * 8, "DateTime", "ExtensionObject",
        "Variant", "Int32",
    ]  # fmt: skip
    assert seen["componentNames"][5:13] == structures
    assert seen["componentNames"][14] == "ProcessingTimesDataType"
    assert seen["content"] == [2, "NOK"]
    assert seen["resultReleased"] == [0]
