"""Postgres: rows in and out, one method a statement; no decisions here."""
