"""The gateway's tables, one module per kind; every read and write names the business."""
