"""`python -m services.quiz follow`: a process that follows content's feed until a signal stops it."""

import signal
import threading
import time
from functools import partial
from pathlib import Path

import peewee

from services.kit.core.config import SettingsError
from services.kit.core.errors import ServiceError
from services.kit.core.logging import log
from services.kit.core.metrics import Counter, Gauge
from services.kit.storage.soundness import SoundnessWatch, check_command
from services.kit.storage.thread_pool import ThreadPool
from services.kit.web.metrics_port import serve_own
from services.quiz.config import Settings
from services.quiz.content import content_of
from services.quiz.following import Follower
from services.quiz.migrations import MIGRATIONS
from services.quiz.repository.store import PeeweeQuizStore

# The seconds that content may wait for a change before it responds without one.
WAIT_SECONDS = 5
# The delays before the second attempt and before later ones, while content or the database is unavailable.
FIRST_RETRY_SECONDS, RETRY_SECONDS = 0.5, 1.5
FEED_SEQUENCE = Gauge("flix_feed_sequence", "The position in content's feed")
FEED_READ_AT = Gauge("flix_feed_last_read_timestamp_seconds", "When content's feed was read last")
FEED_CHANGES = Counter("flix_feed_changes", "Changes of content that were applied")
FEED_FAILURES = Counter("flix_feed_failures", "Attempts to read content's feed that failed")


def follow(database: peewee.Database, settings: Settings) -> None:
    """Follow until SIGTERM or SIGINT, then finish the current step."""
    _touch(settings.follow_heartbeat)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stopping.set())
    pool = ThreadPool(database, threads=1)
    watch = SoundnessWatch(
        database,
        MIGRATIONS,
        pool,
        settings.integrity_interval_seconds,
        apart=check_command("quiz", "damage", pool),
    )
    watch.start()
    follower = Follower(PeeweeQuizStore(database), content_of(settings))
    log.info("following_content", content=settings.content_url)
    FEED_SEQUENCE.read = lambda: {(): follower.sequence}
    serve_own("follow-quiz", settings.metrics_host, settings.follow_metrics_port)
    is_interrupted = False
    # The first answer comes at once: it shows that the feed can be read.
    wait_seconds = 0
    while not stopping.is_set():
        try:
            FEED_CHANGES.add(amount=pool.run_in_this_thread(follower.step, wait_seconds))
            wait_seconds = WAIT_SECONDS
            read_at = time.time()
            FEED_READ_AT.read = partial(dict, {(): read_at})
            is_interrupted = False
        except ServiceError as error:
            FEED_FAILURES.add()
            if not is_interrupted:
                log.warning("following_interrupted", reason=error.code, message=str(error))
            stopping.wait(RETRY_SECONDS if is_interrupted else FIRST_RETRY_SECONDS)
            is_interrupted = True
        _touch(settings.follow_heartbeat)
    watch.stop()


def _touch(heartbeat: str) -> None:
    """Touch the file, whose age a health check reads. Raise SettingsError where it cannot be written."""
    if heartbeat:
        try:
            Path(heartbeat).touch()
        except OSError as error:
            raise SettingsError([f"FOLLOW_HEARTBEAT: {heartbeat} cannot be written ({error.strerror})"]) from None
