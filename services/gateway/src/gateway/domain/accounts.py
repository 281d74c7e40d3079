"""Rules for user names and passwords, as values: what is wrong, in words for the person who typed it."""

import re
from typing import Final

USERNAME_FORM: Final = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._@+-]{2,63}$")
PASSWORD_CHARS_MIN: Final = 8
PASSWORD_BYTES_MAX: Final = 72  # bcrypt reads no further; a longer password would be weaker than it looks


def username_problem(username: str) -> str | None:
    if USERNAME_FORM.match(username):
        return None
    return "A user name has 3 to 64 letters, digits or . _ @ + - and begins with a letter or digit."


def password_problem(password: str, *, username: str) -> str | None:
    if len(password) < PASSWORD_CHARS_MIN:
        return f"A password has at least {PASSWORD_CHARS_MIN} characters."
    if len(password.encode()) > PASSWORD_BYTES_MAX:
        return f"A password has at most {PASSWORD_BYTES_MAX} bytes in UTF-8 (72 plain letters, fewer with accents or emoji)."
    if "\0" in password:
        return "A password has no NUL character."
    if password.casefold() == username.casefold():
        return "A password is not the user name."
    return None


def username_key(username: str) -> str:
    """What makes two user names the same: `Admin` and `admin` are one person."""
    return username.casefold()
