"""The bodies of the public API: what callers send and what they get. Nothing in here acts."""
