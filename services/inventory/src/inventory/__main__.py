from inventory.app import INVENTORY
from prokip_shared.runtime import run_service

if __name__ == "__main__":
    run_service(INVENTORY)
