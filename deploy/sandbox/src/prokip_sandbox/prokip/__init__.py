"""A simulated Prokip that speaks the connector's dialect and the simple ones, all on one stock."""

from prokip_sandbox.prokip.server import Item, ProkipServer, Sale
from prokip_sandbox.prokip.settings import Erp, Policies

__all__ = ["Erp", "Item", "Policies", "ProkipServer", "Sale"]
