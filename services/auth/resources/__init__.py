"""HTTP in, one service call, HTTP out."""

from services.auth.service import AuthService
from services.kit.use_cases import UseCases


class AuthResource:
    """What every resource of auth holds: the service, and the pool that its use cases run in."""

    def __init__(self, service: AuthService, use_cases: UseCases):
        self._service = service
        self._run = use_cases.run
