"""Auth's named errors.

Unauthorized:    InvalidCredentials
Forbidden:       PasswordChangeRequired
NotFound:        AdminNotFound, SessionNotFound
Conflict:        UsernameTaken, LastOwner
TooManyRequests: SignInThrottled
"""

from services.kit.errors import Conflict, Forbidden, NotFound, TooManyRequests, Unauthorized


class InvalidCredentials(Unauthorized):
    """No admin has this name and this password; which of the two is wrong is not said."""

    code = "INVALID_CREDENTIALS"
    message = "The username or the password is wrong"


class PasswordChangeRequired(Forbidden):
    """The password is right, and was made for the person, who must replace it."""

    code = "PASSWORD_CHANGE_REQUIRED"
    message = "This password was made for you: sign in with it once more and add newPassword, one of your own"


class SignInThrottled(TooManyRequests):
    """So many attempts to sign in were made that this one is not looked at."""

    message = "Too many attempts to sign in; try again later"


class AdminNotFound(NotFound):
    """No admin has this name or this id."""

    code = "ADMIN_NOT_FOUND"
    message = "Admin not found"


class SessionNotFound(NotFound):
    """There is no such session."""

    code = "SESSION_NOT_FOUND"
    message = "Session not found"


class UsernameTaken(Conflict):
    """Another admin has this name."""

    code = "USERNAME_CONFLICT"
    message = "Another admin already has this username"


class LastOwner(Conflict):
    """Nobody would be left who can manage people."""

    code = "LAST_OWNER"
    message = "This is the only owner who can sign in: make somebody else an owner, who sets a password, first"
