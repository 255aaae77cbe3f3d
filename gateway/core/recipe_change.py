"""A recipe change under way, and how the last one ended (H18)."""

from dataclasses import dataclass
from enum import IntEnum


class RecipeOutcome(IntEnum):
    """How the last recipe change by `change_recipe` ended; forgotten when that bit falls."""

    NONE = 0
    DONE = 1
    FAILED = 2


@dataclass(frozen=True, slots=True)
class RecipeChange:
    """A recipe change under way. `token` is 0 where the PLC's `change_recipe` asked for it."""

    id: int
    recipe: int
    deadline: int
    token: int = 0
    heard: bool = True
    """False once the PLC has dropped `change_recipe`: it waits for no outcome any more (H18)."""
