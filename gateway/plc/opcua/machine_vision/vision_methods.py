"""All methods of the vision systems of one server, bound to their nodes.

The methods that control a station are refused where another link owns its control tags; those that only tell are not.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from asyncua import ua
from asyncua.server.address_space import AddressSpace

from gateway.plc.opcua.machine_vision.calls import Binding, JobIds, VisionMethod
from gateway.plc.opcua.machine_vision.condition_nodes import ConditionNodes
from gateway.plc.opcua.machine_vision.configuration_methods import ConfigurationMethods
from gateway.plc.opcua.machine_vision.handles import Handles
from gateway.plc.opcua.machine_vision.job_methods import JobMethods
from gateway.plc.opcua.machine_vision.past import PastResults
from gateway.plc.opcua.machine_vision.recent import RecentResults
from gateway.plc.opcua.machine_vision.recipe_methods import RecipeMethods
from gateway.plc.opcua.machine_vision.recipes import Recipes
from gateway.plc.opcua.machine_vision.result_methods import ResultMethods
from gateway.plc.opcua.machine_vision.vision import VisionSystem
from gateway.plc.opcua.methods import Caller, Method, MethodTable, methods_below
from gateway.records import Records

TELLING = frozenset(
    {
        "GetRecipeListFiltered", "ReleaseRecipeHandle", "ActivateConfiguration", "GetConfigurationList",
        "GetConfigurationById", "ReleaseConfigurationHandle", "GetResultById", "GetResultComponentsById",
        "GetResultListFiltered", "ReleaseResultHandle", "ConfirmAll",
    }
)  # fmt: skip
"""These change nothing in a station: there is one configuration, it is active, and conditions are only told of."""


class VisionMethods:
    """`add` each vision system once its nodes are there."""

    def __init__(self, table: MethodTable, aspace: AddressSpace, records: Records) -> None:
        self._table = table
        self._aspace = aspace
        self._records = records
        self._job_ids = JobIds(records.registrar)
        self._recent: list[RecentResults] = []
        self.handles = Handles()

    def add(self, system: VisionSystem) -> None:
        """Bind the methods that this instance has."""
        nodes = methods_below(self._aspace, system.root)
        binding = Binding(system.station.name, system)
        for name, method in self._methods(system).items():
            telling = name in TELLING
            function = binding.function(name, method, telling=telling)
            self._table.add(*nodes[name], Method(function, telling or system.view.controls))

    def attach(self) -> None:
        """Keep the stations' results from now on."""
        for recent in self._recent:
            recent.attach()

    def detach(self) -> None:
        """Follow them no longer."""
        for recent in self._recent:
            recent.detach()

    def _methods(self, system: VisionSystem) -> Mapping[str, VisionMethod]:
        station, catalogue = system.station, system.catalogue
        recipes, recent = Recipes(station), RecentResults(station, self._records.registrar)
        self._recent.append(recent)
        past = PastResults(recent, self._records.store, self.handles, catalogue)
        return {
            **JobMethods(station, recipes, self._job_ids).methods,
            **RecipeMethods(station, recipes, self.handles).methods,
            **ConfigurationMethods(catalogue.configuration, self.handles).methods,
            **ResultMethods(past, catalogue, self.handles).methods,
            "ConfirmAll": confirm_all(system.conditions),
        }


def confirm_all(conditions: ConditionNodes) -> VisionMethod:
    """Acknowledges and confirms every condition that waits for it. The PLC's error latch is the PLC's own."""

    async def confirm(caller: Caller, comment: ua.LocalizedText | None) -> tuple[()]:
        words = comment.Text if comment is not None else None
        for condition in conditions.conditions.values():
            if condition.confirm_anyhow(words, caller.name, datetime.now(UTC)):
                conditions.show(condition)
        return ()

    return confirm
