"""The use cases of auth. One method is one transaction."""

from services.auth.service.grants import Grants
from services.auth.service.keys import Keys
from services.auth.service.sessions import Sessions
from services.auth.service.sign_in import AuthService

__all__ = ["AuthService", "Grants", "Keys", "Sessions"]
