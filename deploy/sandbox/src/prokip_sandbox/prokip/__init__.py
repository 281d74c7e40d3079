"""A simulated Prokip that speaks the simple dialect."""

from prokip_sandbox.prokip.ledger import Policies, Sale
from prokip_sandbox.prokip.server import ProkipServer

__all__ = ["Policies", "ProkipServer", "Sale"]
