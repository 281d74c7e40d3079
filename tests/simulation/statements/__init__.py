"""What each named statement of the product does, done to dictionaries."""

from tests.simulation.statements import bus, inventory, poller, push
from tests.simulation.statements.registry import statements_of

__all__ = ["bus", "inventory", "poller", "push", "statements_of"]
