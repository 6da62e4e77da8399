"""Auth's named errors.

Unauthorized: InvalidCredentials
NotFound:     AdminNotFound, SessionNotFound
Conflict:     UsernameTaken
"""

from services.kit.errors import Conflict, NotFound, Unauthorized


class InvalidCredentials(Unauthorized):
    """No admin has this name and this password; which of the two is wrong is not said."""

    code = "INVALID_CREDENTIALS"
    message = "The username or the password is wrong"


class AdminNotFound(NotFound):
    """No admin has this name."""

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
