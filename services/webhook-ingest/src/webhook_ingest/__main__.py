from prokip_shared.runtime import run_service
from webhook_ingest.app import SERVICE

run_service(SERVICE)
