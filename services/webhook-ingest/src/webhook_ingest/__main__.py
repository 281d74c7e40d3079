import gc
from typing import Final

from prokip_shared.runtime import run_service
from webhook_ingest.app import SERVICE

GC_YOUNG_OBJECTS: Final = 20_000

# A webhook makes hundreds of objects and no cycles. At the default of 700 the collector would look at everything in
# flight, in vain, several times per hundred webhooks.
gc.set_threshold(GC_YOUNG_OBJECTS)

run_service(SERVICE)
