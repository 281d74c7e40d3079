"""Parts of paths and lists of problems that many calls share."""

from typing import Final

ID: Final = "{id:[0-9]{1,18}}"

UUID_ID: Final = "{id:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}}"

V1: Final = "/api/v1"

AWAY: Final = (502, 503)
"""Another service has to be asked."""
