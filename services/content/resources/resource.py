"""The base of content's resources."""

from services.content.service.content import ContentService
from services.kit.storage.use_cases import UseCases


class ContentResource:
    """The service, and the pool in which its use cases run."""

    def __init__(self, service: ContentService, use_cases: UseCases):
        self._service = service
        self._run = use_cases.run
        self._run_list = use_cases.run_list
        self._run_once = use_cases.run_once_gathered
