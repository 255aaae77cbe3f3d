"""Methods of RecipeManagement. A recipe is a PEKAT project; there is no file of it to be sent, so none can be added."""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.plc.opcua.machine_vision.calls import VisionMethod, id_text
from gateway.plc.opcua.machine_vision.data_types import (
    ProductIdDataType,
    RecipeIdExternalDataType,
    RecipeIdInternalDataType,
    TriStateBooleanDataType,
)
from gateway.plc.opcua.machine_vision.error_codes import MethodError, MethodFailedError
from gateway.plc.opcua.machine_vision.handles import Handles
from gateway.plc.opcua.machine_vision.pages import page
from gateway.plc.opcua.machine_vision.recipes import Recipes, is_empty, is_named
from gateway.plc.opcua.machine_vision.values import internal_recipe
from gateway.plc.opcua.methods import Caller
from gateway.ports import RecipeInfo, StationPort

Outputs = Sequence[Any]


class RecipeMethods:
    """One recipe can be prepared at a time: preparing another one takes its place."""

    def __init__(self, station: StationPort, recipes: Recipes, handles: Handles) -> None:
        self._station = station
        self._recipes = recipes
        self._handles = handles

    @property
    def methods(self) -> Mapping[str, VisionMethod]:
        """By browse name."""
        return {
            "PrepareRecipe": self.prepare_recipe,
            "UnprepareRecipe": self.unprepare_recipe,
            "PrepareProduct": self.prepare_product,
            "UnprepareProduct": self.unprepare_product,
            "GetRecipeListFiltered": self.get_recipe_list_filtered,
            "ReleaseRecipeHandle": self.release_recipe_handle,
        }

    async def prepare_recipe(
        self, caller: Caller, external: RecipeIdExternalDataType | None, internal: RecipeIdInternalDataType | None
    ) -> Outputs:
        """Waits until it is prepared, `recipe_timeout_ms` at the longest; so it is always completed."""
        recipe = self._recipes.find(external, internal)
        await self._station.change_recipe(recipe.number)
        return _internal(recipe), True

    async def prepare_product(self, caller: Caller, product: ProductIdDataType | None) -> Outputs:
        recipe = self._recipes.find_for(id_text(product))
        await self._station.change_recipe(recipe.number)
        return (_internal(recipe),)

    async def unprepare_recipe(
        self, caller: Caller, external: RecipeIdExternalDataType | None, internal: RecipeIdInternalDataType | None
    ) -> Outputs:
        return (self._unprepare(self._recipes.find(external, internal), MethodError.RECIPE_NOT_PREPARED),)

    async def unprepare_product(self, caller: Caller, product: ProductIdDataType | None) -> Outputs:
        return (self._unprepare(self._recipes.find_for(id_text(product)), MethodError.PRODUCT_NOT_PREPARED),)

    async def get_recipe_list_filtered(
        self,
        caller: Caller,
        external: RecipeIdExternalDataType | None,
        product: ProductIdDataType | None,
        is_prepared: int,
        max_results: int,
        start_index: int,
        timeout: int,
    ) -> Outputs:
        found = [
            _internal(one)
            for one in self._recipes.all
            if (is_empty(external) or is_named(one, external, None))
            and id_text(product) in ("", one.product)
            and is_prepared in (TriStateBooleanDataType.DONTCARE_2, one == self._recipes.prepared)
        ]
        complete, entries = page(found, max_results, start_index)
        return complete, len(entries), self._handles.give(caller.session, "recipe", timeout), entries

    async def release_recipe_handle(self, caller: Caller, handle: int) -> Outputs:
        if not self._handles.release(caller.session, "recipe", handle):
            raise MethodFailedError(MethodError.UNKNOWN_HANDLE)
        return ()

    def _unprepare(self, recipe: RecipeInfo, otherwise: MethodError) -> RecipeIdInternalDataType:
        if recipe != self._recipes.prepared:
            raise MethodFailedError(otherwise)
        self._station.unprepare_recipe()
        return _internal(recipe)


def _internal(recipe: RecipeInfo) -> RecipeIdInternalDataType:
    return internal_recipe(recipe.number, recipe.name)
