"""Errors for people: one line that says what was wrong, what was expected and what to do."""


class UserError(Exception):
    """Something the user can mend. The command line prints the message alone and exits with 2."""
