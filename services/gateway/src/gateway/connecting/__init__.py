"""Connecting and disconnecting stores: check there, prepare there, save here, in that order."""
