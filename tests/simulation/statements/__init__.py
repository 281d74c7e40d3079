"""What each named statement of the product does, done to dictionaries."""

from tests.simulation.statements import bus, inventory, poller, poller_reads, push
from tests.simulation.statements.registry import statements_of

__all__ = ["bus", "inventory", "poller", "poller_reads", "push", "statements_of"]
