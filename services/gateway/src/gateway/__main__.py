from gateway.app import SERVICE
from prokip_shared.runtime import run_service

run_service(SERVICE)
