"""One check a file: passed True, False or None (not enough data)."""
