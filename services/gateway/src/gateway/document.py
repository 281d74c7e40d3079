"""Prints the OpenAPI document: `python -m gateway.document > services/gateway/openapi.json`."""

import json
import sys

from gateway.openapi import build_document
from gateway.routes import ROUTES

if __name__ == "__main__":
    sys.stdout.write(json.dumps(build_document(ROUTES), indent=2, ensure_ascii=False) + "\n")
