"""The service of content: its use cases by what they are about."""

from services.content.entities import Snapshot
from services.content.repository.contracts import ContentStore
from services.content.service.events import Events
from services.content.service.followers import Followers
from services.content.service.learners import Learners
from services.content.service.lessons import Lessons
from services.content.service.materials import Materials
from services.kit.core.instants import Clock, now


class ContentService:
    """Gives access to the use cases of admins, of learners and of the services that follow the change feed.

    `secret` is the secret that the services share: fingerprints of access keys are made with it. `rendering` names what
    responses depend on besides the rows: the release and its settings.
    """

    def __init__(self, store: ContentStore, secret: str, clock: Clock = now, rendering: str = ""):
        self.events = Events(store, secret, clock)
        self.lessons = Lessons(store, clock)
        self.materials = Materials(store, self.lessons, clock)
        self.learners = Learners(store, secret, clock, rendering)
        self.followers = Followers(store, clock)
        self._store = store
        self._clock = clock

    def snapshot(self) -> Snapshot:
        """Return the counts of the whole installation, now."""
        return Snapshot(self._store.events.count(), self._store.lessons.count_by_status(self._clock()))
