"""The facets of OPC 40100-1 (13.2 and 13.3): what each one asks for, and why some of it is not there. Data only."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

MACHINE = "VisionStateMachine"
AUTOMATIC = f"{MACHINE}.AutomaticModeStateMachine"
RESULT = "ResultManagement.Results.Result01"


@dataclass(frozen=True, slots=True)
class Unit:
    """A conformance unit: it is supported where these nodes are there and these event types were seen."""

    title: str
    nodes: tuple[str, ...] = ()
    events: tuple[int, ...] = ()


def _unit(title: str, *nodes: str, events: tuple[int, ...] = ()) -> Unit:
    return Unit(title, nodes, events)


UNITS: Mapping[str, Unit] = MappingProxyType(
    {
        unit.title: unit
        for unit in (
            _unit("Basic Vision System", MACHINE, f"{MACHINE}.Halt", f"{MACHINE}.Reset", events=(1018,)),
            _unit(
                "Basic Result Management",
                *(f"ResultManagement.{one}" for one in ("GetResultById", "GetResultComponentsById")),
                "ResultManagement.GetResultListFiltered",
            ),
            _unit(
                "Basic Configuration Management",
                *(f"ConfigurationManagement.{one}" for one in ("ActivateConfiguration", "ActiveConfiguration")),
                *(f"ConfigurationManagement.{one}" for one in ("GetConfigurationById", "GetConfigurationList")),
            ),
            _unit(
                "Basic Recipe Management",
                *(f"RecipeManagement.{one}" for one in ("PrepareRecipe", "UnprepareRecipe", "GetRecipeListFiltered")),
                events=(1022,),
            ),
            _unit("Safety State Management", "SafetyStateManagement", events=(1030,)),
            _unit("System State Information", "SystemState"),
            _unit("Diagnostic Events", "DiagnosticLevel", events=(1037,)),
            _unit("Information Events", events=(1038,)),
            _unit("Error Conditions", events=(1034, 1035, 1036)),
            _unit(
                "Automatic Mode",
                f"{MACHINE}.SelectModeAutomatic",
                *(f"{AUTOMATIC}.{one}" for one in ("StartSingleJob", "StartContinuous", "Stop", "Abort")),
                events=(1013, 1023, 1025),
            ),
            _unit("Easy Confirmation", f"{MACHINE}.ConfirmAll"),
            _unit("Error Events", events=(1019, 1020)),
            _unit("StepModel Preoperational", f"{MACHINE}.PreoperationalStepModel"),
            _unit("StepModel Halted", f"{MACHINE}.HaltedStepModel"),
            _unit("StepModel Error", f"{MACHINE}.ErrorStepModel"),
            _unit("Simulation", f"{AUTOMATIC}.SimulationMode", f"{RESULT}.IsSimulated"),
            _unit("StepModel Initialized", f"{AUTOMATIC}.InitializedStepModel"),
            _unit("StepModel Ready", f"{AUTOMATIC}.ReadyStepModel"),
            _unit("StepModel SingleExecution", f"{AUTOMATIC}.SingleExecutionStepModel"),
            _unit("StepModel ContinuousExecution", f"{AUTOMATIC}.ContinuousExecutionStepModel"),
            _unit("Processing Times", f"{RESULT}.ProcessingTimes"),
            _unit("Processing Times Extended", f"{RESULT}.ProcessingTimes"),
            _unit("Measurement ID", f"{RESULT}.MeasId"),
            _unit("Part ID", f"{RESULT}.PartId"),
            _unit("Product ID", f"{RESULT}.ProductId", "RecipeManagement.PrepareProduct"),
            _unit("Recipe ID External", f"{RESULT}.ExternalRecipeId"),
            _unit("Recipe Versioning", "RecipeManagement.AddRecipe"),
            _unit("Configuration ID External", f"{RESULT}.ExternalConfigurationId"),
            _unit("Configuration Versioning", "ConfigurationManagement.AddConfiguration"),
            _unit("Event Based Content", f"{RESULT}.ResultContent", events=(1024,)),
            _unit("Method Based Content", "ResultManagement.GetResultById", f"{RESULT}.ResultContent"),
            _unit("Result File", "ResultManagement.ResultTransfer"),
            _unit("Result Folder", RESULT),
            _unit("Configuration File", "ConfigurationManagement.ConfigurationTransfer"),
            _unit("Configuration Folder", "ConfigurationManagement.Configurations"),
            _unit("Recipe File", "RecipeManagement.RecipeTransfer"),
            _unit("Recipe Folder", "RecipeManagement.Recipes"),
            _unit("Product Folder", "RecipeManagement.Products"),
        )
    }
)


@dataclass(frozen=True, slots=True)
class Facet:
    """A facet or a profile: other ones that it contains, the units that it asks for, and those that it offers."""

    name: str
    facets: tuple[str, ...] = ()
    mandatory: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


_STEPS = tuple(title for title in UNITS if title.startswith("StepModel"))
_BASIC, _INLINE, _AUTOMATIC, _BASIC_RESULTS = (
    "Basic Vision System",
    "Inline Vision System",
    "Automatic Mode",
    "Basic Result Handling",
)

FACETS = (
    Facet(_BASIC, mandatory=tuple(UNITS)[:4]),
    Facet(
        _INLINE,
        mandatory=("System State Information", "Diagnostic Events", "Information Events", "Error Conditions"),
        optional=("Safety State Management",),
    ),
    Facet(
        _AUTOMATIC,
        mandatory=("Automatic Mode", "Error Events", "Simulation"),
        optional=("Easy Confirmation", *_STEPS),
    ),
    Facet("Processing Times", mandatory=("Processing Times", "Processing Times Extended")),
    Facet("File Transfer", mandatory=("Result File", "Configuration File", "Recipe File")),
    Facet(_BASIC_RESULTS, mandatory=("Event Based Content",), optional=("Method Based Content",)),
    Facet(
        "Inline Result Handling",
        (_BASIC_RESULTS,),
        ("Measurement ID", "Part ID", "Method Based Content", "Result File"),
    ),
    Facet("Full Result Handling", ("Inline Result Handling",), ("Result Folder",)),
    Facet("Standard Configuration Handling", mandatory=("Configuration ID External", "Configuration File")),
    Facet(
        "Full Configuration Handling",
        ("Standard Configuration Handling",),
        ("Configuration Versioning", "Configuration Folder"),
    ),
    Facet("Standard Recipe Handling", mandatory=("Recipe ID External", "Product ID", "Recipe File")),
    Facet(
        "Full Recipe Handling",
        ("Standard Recipe Handling",),
        ("Recipe Versioning", "Recipe Folder", "Product Folder"),
    ),
)

PROFILES = (
    Facet(
        "Basic Vision System Server Profile",
        (_BASIC, _BASIC_RESULTS),
        ("Automatic Mode",),
        ("Diagnostic Events", "Information Events"),
    ),
    Facet(
        "Basic Vision System Server Profile without OPC UA Security",
        (_BASIC, _BASIC_RESULTS),
        ("Automatic Mode",),
        ("Diagnostic Events", "Information Events"),
    ),
    Facet(
        "Simple Inline Vision System Server Profile",
        (_BASIC, _INLINE, _AUTOMATIC, _BASIC_RESULTS),
        ("Processing Times",),
    ),
)

EVENTS: Mapping[int, str] = MappingProxyType(
    {
        1018: "StateChangedEventType",
        1019: "ErrorEventType",
        1020: "ErrorResolvedEventType",
        1022: "RecipePreparedEventType",
        1013: "JobStartedEventType",
        1025: "AcquisitionDoneEventType",
        1024: "ResultReadyEventType",
        1023: "ReadyEventType",
        1034: "VisionWarningConditionType",
        1035: "VisionErrorConditionType",
        1036: "VisionPersistentErrorConditionType",
        1037: "VisionDiagnosticInfoEventType",
        1038: "VisionInformationEventType",
        1030: "VisionSafetyEventType",
        1027: "EnterStepSequenceEventType",
        1028: "NextStepEventType",
        1029: "LeaveStepSequenceEventType",
    }
)

_RECIPES = "recipes are PEKAT projects, made and changed in PEKAT and named in `gateway.toml`"
_CONFIGURATION = "a station has one configuration, its part of `gateway.toml`; it is changed there"
_FILES = "no files are exchanged: a PEKAT project is changed in PEKAT, a result is small enough for events and methods"
_SAFETY = "the gateway is no part of a safety chain"
_STEP = "an inspection has no steps that a client could synchronise with"

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "ConfigurationManagement.AddConfiguration": _CONFIGURATION,
        "ConfigurationManagement.RemoveConfiguration": _CONFIGURATION,
        "ConfigurationManagement.Configurations": f"{_CONFIGURATION}; `ActiveConfiguration` shows it",
        "ConfigurationManagement.ConfigurationTransfer": _FILES,
        "RecipeManagement.AddRecipe": _RECIPES,
        "RecipeManagement.RemoveRecipe": _RECIPES,
        "RecipeManagement.UnlinkProduct": "which recipe is for which product stands in `gateway.toml`",
        "RecipeManagement.Recipes": "`GetRecipeListFiltered` lists them",
        "RecipeManagement.Products": "`GetRecipeListFiltered` finds the recipes of a product",
        "RecipeManagement.RecipeTransfer": _FILES,
        "ResultManagement.ResultTransfer": _FILES,
        "SafetyStateManagement": _SAFETY,
        **{
            f"{MACHINE}.{path}StepModel": _STEP
            for path in (
                "Preoperational", "Halted", "Error",
                *(f"AutomaticModeStateMachine.{state}" for state in (
                    "Initialized", "Ready", "SingleExecution", "ContinuousExecution"
                )),
            )
        },
        "1030": _SAFETY,
        "1027": _STEP,
        "1028": _STEP,
        "1029": _STEP,
    }
)  # fmt: skip
"""Why a node, or an event type by its number, is not there."""
