from prokip_poller.app import SERVICE
from prokip_shared.runtime import run_service

if __name__ == "__main__":
    run_service(SERVICE)
