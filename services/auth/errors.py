"""The named errors of auth.

Unauthorized:    InvalidCredentials, InvalidRefreshToken
Forbidden:       PasswordChangeRequired
NotFound:        AdminNotFound, SessionNotFound
Conflict:        UsernameTaken, LastOwner, KeyWaiting
TooManyRequests: SignInThrottled
Unavailable:     SigningUnavailable, KeyUnreadable
"""

from services.kit.core.errors import Conflict, Forbidden, NotFound, TooManyRequests, Unauthorized, Unavailable


class InvalidCredentials(Unauthorized):
    """No admin has this name and this password. The response does not reveal which of them is wrong."""

    code = "INVALID_CREDENTIALS"
    message = "The username or the password is wrong"


class PasswordChangeRequired(Forbidden):
    """The password is right, but it was generated: the person must replace it."""

    code = "PASSWORD_CHANGE_REQUIRED"
    message = "This password was made for you: sign in with it once more and add newPassword, one of your own"


class SignInThrottled(TooManyRequests):
    """Too many attempts to sign in: the password is not checked."""

    message = "Too many attempts to sign in; try again later"


class InvalidRefreshToken(Unauthorized):
    """The refresh token is unknown, expired, or of an ended session. The response does not reveal which."""

    code = "INVALID_REFRESH_TOKEN"
    message = "The refresh token is not valid: sign in again"


class AdminNotFound(NotFound):
    """No admin has this name or this id."""

    code = "ADMIN_NOT_FOUND"
    message = "Admin not found"


class SessionNotFound(NotFound):
    """No active session has this id."""

    code = "SESSION_NOT_FOUND"
    message = "Session not found"


class UsernameTaken(Conflict):
    """Another admin has this name."""

    code = "USERNAME_CONFLICT"
    message = "Another admin already has this username"


class LastOwner(Conflict):
    """The change would leave no owner who can manage people."""

    code = "LAST_OWNER"
    message = "No other owner has set a password: make somebody else an owner, who sets one by signing in, first"


class KeyWaiting(Conflict):
    """A rotation is in progress: the next key is published and does not sign yet."""

    code = "SIGNING_KEY_WAITING"
    message = "The next signing key is published already and waits to sign"


class KeyUnreadable(Unavailable):
    """A signing key cannot be decrypted. The message is for operators and names the setting."""

    def __init__(self, key_id: str):
        super().__init__(
            f"SIGNING_KEY_SECRET does not open the signing key {key_id}: set the secret that it was made with, or run "
            "`python -m services.auth keys rotate --at-once`, after which everyone has to sign in again"
        )


class SigningUnavailable(Unavailable):
    """No signing key can be used; the log gives the reason."""

    message = "Nobody can sign in now: the signing keys are not available"
