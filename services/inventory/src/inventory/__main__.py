import sys

from inventory import rebuild
from inventory.app import SERVICE
from prokip_shared.runtime import run_service

if __name__ == "__main__":
    if sys.argv[1:2] == ["rebuild"]:
        sys.exit(rebuild.main(sys.argv[2:]))
    run_service(SERVICE)
