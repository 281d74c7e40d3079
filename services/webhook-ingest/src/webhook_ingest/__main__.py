from prokip_shared.runtime import run_service
from webhook_ingest.app import SERVICE

if __name__ == "__main__":
    run_service(SERVICE)
