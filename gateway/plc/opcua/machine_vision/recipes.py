"""A station's recipes as OPC 40100-1 names them: the external id is the recipe's name, the internal id its number."""

from collections.abc import Sequence

from gateway.plc.opcua.machine_vision.calls import id_text
from gateway.plc.opcua.machine_vision.data_types import (
    BinaryIdBaseDataType,
    RecipeIdExternalDataType,
    RecipeIdInternalDataType,
)
from gateway.plc.opcua.machine_vision.error_codes import MethodError, MethodFailedError
from gateway.ports import RecipeInfo, StationPort


class Recipes:
    """Finds recipes. Raises MethodFailedError for those that are not there, or not prepared."""

    def __init__(self, station: StationPort) -> None:
        self._station = station

    @property
    def all(self) -> Sequence[RecipeInfo]:
        return self._station.recipes

    @property
    def prepared(self) -> RecipeInfo | None:
        """The one that jobs are judged by; None while there is none, or while it is being changed."""
        state = self._station.state
        if state.unprepared or state.changing is not None:
            return None
        return next((one for one in self.all if one.number == state.recipe), None)

    def find(self, external: RecipeIdExternalDataType | None, internal: RecipeIdInternalDataType | None) -> RecipeInfo:
        """By either id; the internal one goes before the external one."""
        found = next((one for one in self.all if is_named(one, external, internal)), None)
        if found is None:
            raise MethodFailedError(MethodError.UNKNOWN_RECIPE)
        return found

    def find_for(self, product: str) -> RecipeInfo:
        """The recipe to make this product by: the first one in the configuration."""
        found = next((one for one in self.all if product and one.product == product), None)
        if found is None:
            raise MethodFailedError(MethodError.UNKNOWN_PRODUCT)
        return found

    def check_prepared(self, external: RecipeIdExternalDataType | None, product: str) -> None:
        """What a client expects to be prepared; it may leave out either, or both."""
        prepared = self.prepared
        if not is_empty(external) and (prepared is None or not is_named(prepared, external, None)):
            raise MethodFailedError(MethodError.RECIPE_NOT_PREPARED)
        if product and (prepared is None or prepared.product != product):
            raise MethodFailedError(MethodError.PRODUCT_NOT_PREPARED)


def is_named(
    recipe: RecipeInfo, external: RecipeIdExternalDataType | None, internal: RecipeIdInternalDataType | None
) -> bool:
    """Do these ids mean this recipe? Ours have no versions and no hashes: who asks for one means another recipe."""
    given, name = (external, recipe.name) if is_empty(internal) else (internal, str(recipe.number))
    if given is None or given.Version or given.Hash:
        return False
    return id_text(given) == name


def is_empty(given: BinaryIdBaseDataType | None) -> bool:
    """Nothing was asked for."""
    return given is None or not (id_text(given) or given.Version or given.Hash)
