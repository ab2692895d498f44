"""Wheels, looked at from outside: what is in them, and what their binaries need and show."""
