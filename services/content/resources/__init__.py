"""HTTP in, one service call, HTTP out."""

from services.content.service import ContentService
from services.kit.storage.use_cases import UseCases


class ContentResource:
    """What every resource of content holds: the service, and the pool that its use cases run in."""

    def __init__(self, service: ContentService, use_cases: UseCases):
        self._service = service
        self._run = use_cases.run
        self._run_once = use_cases.run_once
