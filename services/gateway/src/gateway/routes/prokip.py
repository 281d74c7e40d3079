"""The settings of Prokip: rows of the table."""

from typing import Final

from gateway.handlers import (
    prokip,
)
from gateway.models.prokip import ConnectorLogin, Prokip, ProkipChange, ProkipChoices, ProkipConfigured
from gateway.routes.shared import V1
from gateway.routing import Docs, route, route_given

PROKIP_ROUTES: Final = (
    route_given(
        "POST",
        "/setup/prokip",
        ProkipChange,
        prokip.configure_as_before,
        answer=ProkipConfigured,
        docs=Docs("prokip", "Set up Prokip; the settings are tried first"),
    ),
    route("GET", f"{V1}/prokip", prokip.show_prokip, answer=Prokip, docs=Docs("prokip", "The settings and the state")),
    route_given(
        "PUT",
        f"{V1}/prokip",
        ProkipChange,
        prokip.configure,
        answer=Prokip,
        docs=Docs("prokip", "Change the settings; they are tried first"),
    ),
    route_given(
        "POST",
        f"{V1}/prokip/choices",
        ConnectorLogin,
        prokip.list_choices,
        answer=ProkipChoices,
        docs=Docs("prokip", "The locations and customers that Prokip offers with these credentials; nothing is kept"),
    ),
)
