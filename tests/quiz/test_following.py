"""services.quiz.following over content's own feed: a deletion there deletes the quizzes here, exactly once.

Content and quiz are in memory; followers that run at the same time are on both engines.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import peewee
import pytest
import uuid_utils
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kit.core.errors import Unavailable
from services.quiz.entities import ContentChange, ContentKey, FeedHead, FeedPosition, Quiz, QuizFilter
from services.quiz.errors import ContentIsEmpty, EventNotFound, FeedPositionLost, LessonHasQuiz, LessonNotFound
from services.quiz.following import Follower
from services.quiz.migrations import MIGRATIONS
from services.quiz.repository.contracts import ALL, QuizStore
from services.quiz.repository.store import PeeweeQuizStore
from services.quiz.service.quiz import QuizService
from tests.audit import entries_in
from tests.clock import NOON
from tests.content.examples import a_lesson, an_event
from tests.content.memory import InMemoryContentStore
from tests.parallel import at_once, without_patience
from tests.quiz.examples import quiz_changes, quiz_fields
from tests.quiz.in_process import ContentInProcess
from tests.quiz.memory import InMemoryQuizStore


class ContentOfTests(ContentInProcess):
    """Content in memory; `meanwhile` holds an action to run once, after the request of that name."""

    def __init__(self, at_once: int = 1000):
        self.store = InMemoryContentStore(lambda: NOON)
        super().__init__(self.store, lambda: NOON, at_once)
        self.meanwhile: dict[str, Callable[[], object]] = {}

    def require_lesson(self, event_id: str, lesson_id: str) -> None:
        super().require_lesson(event_id, lesson_id)
        self._act("require_lesson")

    def feed(self) -> FeedHead:
        head = super().feed()
        self._act("feed")
        return head

    def changes(self, feed_id: str, after: int, limit: int, wait_seconds: int = 0) -> Sequence[ContentChange]:
        changes = super().changes(feed_id, after, limit, wait_seconds)
        self._act("changes")
        return changes

    def present(self, keys: Sequence[ContentKey]) -> set[ContentKey]:
        present = super().present(keys)
        self._act("present")
        return present

    def _act(self, request: str) -> None:
        self.meanwhile.pop(request, lambda: None)()

    def add(self, event_id: str, *lesson_ids: str) -> None:
        """Create these lessons, and their event where there is none."""
        if event_id not in self.events():
            self.store.events.add(an_event(id=event_id, slug=event_id))
        for lesson_id in lesson_ids:
            self.store.lessons.add(a_lesson(id=lesson_id, event_id=event_id, slug=lesson_id))

    def delete(self, event_id: str, lesson_id: str | None = None) -> None:
        """Delete the lesson, or the whole event."""
        if lesson_id is None:
            self.service.events.delete(event_id)
        else:
            self.service.lessons.delete(event_id, lesson_id)

    def events(self) -> set[str]:
        return {*self.store._rows.events}

    def lessons(self) -> set[tuple[str, str]]:
        """Return the lessons with their events."""
        return {(each.event_id, each.id) for each in self.store._rows.lessons.values()}

    def end(self) -> FeedPosition:
        """Return the position at the end of the feed."""
        head = ContentInProcess.feed(self)
        return FeedPosition(head.feed_id, head.last_sequence)

    def prune(self) -> None:
        """Remove every change from the feed."""
        self.store.changes.prune(self.store.changes.feed().last_sequence)

    def renew_feed(self, *, pruned: bool = False) -> None:
        """Change the feed's id as a restore does, so that nobody can read on."""
        if pruned:
            self.prune()
        self.store._rows.feed = replace(self.store._rows.feed, feed_id=str(uuid_utils.uuid7()))


class World:
    """Quiz beside its content, in which two events have two lessons each."""

    def __init__(self, store: QuizStore) -> None:
        self.store = store
        self.content = ContentOfTests()
        self.content.add("event-1", "lesson-1", "lesson-2")
        self.content.add("event-2", "lesson-3", "lesson-4")
        self.service = QuizService(store, self.content.require_lesson)
        self.follower = Follower(store, self.content)

    def create(self, event_id: str, lesson_id: str) -> Quiz:
        return self.service.quizzes.create(quiz_fields(lesson_id, event_id=event_id))

    def create_all(self) -> None:
        """Create a quiz for every lesson."""
        for event_id, lesson_id in sorted(self.content.lessons()):
            self.create(event_id, lesson_id)

    def lessons_with_quiz(self) -> set[str]:
        return {quiz.lesson_id for quiz in self.store.quizzes.list(QuizFilter())}

    def deletions(self) -> list[str]:
        """Return the deleted quizzes, each as often as it has an audit entry."""
        return [quiz_id for action, quiz_id in entries_in(self.store.audit) if action == "quiz.deleted"]

    def tombstones(self) -> list[ContentKey]:
        return [each for page in self.store.following.tombstones(1) for each in page]


@pytest.fixture
def memory() -> InMemoryQuizStore:
    return InMemoryQuizStore()


@pytest.fixture
def world(memory: InMemoryQuizStore) -> World:
    """A quiz for every lesson; the follower has caught up."""
    world = World(memory)
    world.create_all()
    world.follower.catch_up()
    return world


@pytest.fixture
def shared(database: peewee.Database) -> World:
    """A quiz for every lesson, in a database for many threads; nobody has followed yet."""
    MIGRATIONS.up(database)
    world = World(PeeweeQuizStore(database))
    world.create_all()
    return world


both_ways = pytest.mark.parametrize("compared", [False, True], ids=["read", "compared"])


# Deletions


@pytest.mark.parametrize(
    ("lesson_id", "left"), [("lesson-1", {"lesson-2", "lesson-3", "lesson-4"}), (None, {"lesson-3", "lesson-4"})]
)
def test_a_deletion_deletes_the_quizzes_and_keeps_the_attempts(
    world: World, lesson_id: str | None, left: set[str]
) -> None:
    attempt = world.service.learners.submit("lesson-1", []).attempt
    world.content.delete("event-1", lesson_id)

    assert world.follower.catch_up() > 0

    assert world.lessons_with_quiz() == left
    history = world.service.quizzes.list_attempts(attempt.quiz_id, ALL)
    assert (list(history.page.items), {*history.revisions}) == ([attempt], {attempt.revision_id})
    assert len(world.deletions()) == 4 - len(left)
    assert world.follower.catch_up() == 0


@pytest.mark.parametrize("lesson_id", ["lesson-1", None], ids=["lesson", "event"])
def test_a_deletion_takes_the_versions_without_an_attempt_with_it(world: World, lesson_id: str | None) -> None:
    attempt = world.service.learners.submit("lesson-1", []).attempt
    edited = world.service.quizzes.update(attempt.quiz_id, quiz_changes())
    # A lesson whose quiz was deleted before has versions, too.
    world.service.quizzes.delete(attempt.quiz_id)
    world.content.delete("event-1", lesson_id)
    assert set(world.store.attempts.revisions([attempt.revision_id, edited.revision_id])) == {
        attempt.revision_id,
        edited.revision_id,
    }

    world.follower.catch_up()

    assert set(world.store.attempts.revisions([attempt.revision_id, edited.revision_id])) == {attempt.revision_id}


@pytest.mark.parametrize("page", [1, 2, 3, 1000])
def test_the_size_of_the_pages_makes_no_difference(world: World, page: int) -> None:
    world.content.at_once = page
    world.content.add("event-3", "lesson-5")
    world.content.delete("event-1")
    world.content.delete("event-2", "lesson-4")

    # Two created, an event and its two lessons deleted, a lesson deleted.
    assert world.follower.catch_up() == 6

    assert world.lessons_with_quiz() == {"lesson-3"}
    assert world.store.following.position() == world.content.end()
    lessons = [ContentKey("lesson", f"lesson-{number}") for number in (1, 2, 4)]
    assert world.tombstones() == [ContentKey("event", "event-1"), *lessons]


# Tombstones


@both_ways
@pytest.mark.parametrize(("lesson_id", "error"), [("lesson-1", LessonNotFound), (None, EventNotFound)])
def test_no_quiz_is_made_for_a_lesson_deleted_meanwhile(
    world: World, lesson_id: str | None, error: type[Exception], *, compared: bool
) -> None:
    world.service.quizzes.delete(world.service.learners.quiz("lesson-1").id)

    def delete() -> None:
        world.content.delete("event-1", lesson_id)
        if compared:
            world.content.renew_feed()
        world.follower.catch_up()

    # Content has just confirmed the lesson.
    world.content.meanwhile = {"require_lesson": delete}
    with pytest.raises(error):
        world.create("event-1", "lesson-1")

    assert world.content.meanwhile == {}
    assert "lesson-1" not in world.lessons_with_quiz()


def test_a_follower_waits_for_the_quiz_of_a_deleted_lesson(shared: World, database: peewee.Database) -> None:
    shared.follower.catch_up()
    shared.service.quizzes.delete(shared.service.learners.quiz("lesson-1").id)
    refused: list[str] = []

    def keep(quiz: Quiz) -> None:
        # The quiz is written, and no other connection can see it yet.
        shared.content.delete("event-1", "lesson-1")
        with ThreadPoolExecutor(1) as pool:
            failure = pool.submit(without_patience(database, shared.follower.catch_up)).exception()
        refused.append(type(failure).__name__)

    shared.service.quizzes.create(quiz_fields("lesson-1"), keep)

    assert refused == ["OperationalError"]
    assert "lesson-1" in shared.lessons_with_quiz()
    shared.follower.catch_up()
    assert "lesson-1" not in shared.lessons_with_quiz()


def test_a_lesson_created_again_may_have_a_quiz_again(world: World) -> None:
    world.content.delete("event-1")
    world.follower.catch_up()
    world.content.add("event-1", "lesson-1")
    # Content would confirm it, but quiz has not read of it yet.
    with pytest.raises(EventNotFound):
        world.create("event-1", "lesson-1")

    world.follower.catch_up()

    assert world.tombstones() == [ContentKey("lesson", "lesson-2")]
    assert world.create("event-1", "lesson-1").lesson_id == "lesson-1"


def test_a_lesson_deleted_and_created_within_one_page_keeps_its_quiz(world: World) -> None:
    world.content.delete("event-1", "lesson-1")
    world.content.add("event-1", "lesson-1")

    world.follower.catch_up()

    assert (world.tombstones(), "lesson-1" in world.lessons_with_quiz()) == ([], True)


# One transaction


class Broken(Exception):
    """The process ends here."""


class BreaksAfter:
    """Delegates to `repository`, and raises Broken right after the first call of one method."""

    def __init__(self, repository: Any, method: str):
        self._repository = repository
        self._method: str | None = method

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._repository, name)
        if name != self._method:
            return method

        def and_break(*args: Any) -> None:
            self._method = None
            method(*args)
            raise Broken

        return and_break


STEPS = [
    ("following", "add_tombstones"),
    ("quizzes", "remove_all"),
    ("following", "remove_tombstones"),
    ("following", "move"),
]


@both_ways
@pytest.mark.parametrize(("part", "method"), STEPS)
def test_position_and_effects_are_stored_together_and_once(
    world: World, memory: InMemoryQuizStore, part: str, method: str, *, compared: bool
) -> None:
    world.content.delete("event-2", "lesson-3")
    world.follower.catch_up()
    deleted = world.service.learners.quiz("lesson-1").id
    world.content.delete("event-1", "lesson-1")
    world.content.add("event-2", "lesson-3")
    if compared:
        world.content.renew_feed()
    before = memory.everything()
    breaking: Any = InMemoryQuizStore()
    vars(breaking).update(vars(memory))
    setattr(breaking, part, BreaksAfter(getattr(breaking, part), method))
    follower = Follower(breaking, world.content)

    with pytest.raises(Broken):
        follower.catch_up()
    if compared and (part, method) != ("following", "remove_tombstones"):
        # Outdated tombstones are removed before, by themselves: that is harmless, whatever follows.
        before["tombstones"] = frozenset()
    assert memory.everything() == before

    follower.catch_up()
    world.follower.catch_up()
    assert world.lessons_with_quiz() == {"lesson-2", "lesson-4"}
    assert world.deletions().count(deleted) == 1
    assert world.tombstones() == [ContentKey("lesson", "lesson-1")]
    assert world.store.following.position() == world.content.end()


@pytest.mark.parametrize("overtaken_at", ["changes", "feed", "present"])
def test_a_follower_that_is_overtaken_does_nothing(world: World, overtaken_at: str) -> None:
    faster = Follower(world.store, world.content)
    world.content.delete("event-1", "lesson-1")
    if overtaken_at != "changes":
        world.content.renew_feed()

    def overtake() -> None:
        faster.catch_up()
        world.content.add("event-1", "lesson-1")
        faster.catch_up()
        world.create("event-1", "lesson-1")
        world.content.delete("event-1", "lesson-2")
        faster.catch_up()

    world.content.meanwhile = {overtaken_at: overtake}
    world.follower.step()

    assert world.content.meanwhile == {}
    assert world.lessons_with_quiz() == {"lesson-1", "lesson-3", "lesson-4"}
    assert len(world.deletions()) == len({*world.deletions()}) == 2
    assert world.store.following.position() == world.content.end()


@both_ways
def test_of_many_followers_at_once_one_has_each_effect(shared: World, *, compared: bool) -> None:
    shared.content.at_once = 2
    if not compared:
        shared.follower.catch_up()
    shared.content.delete("event-1")
    shared.content.delete("event-2", "lesson-3")

    results = at_once(*[Follower(shared.store, shared.content).catch_up] * 4)

    assert all(isinstance(each, int) for each in results)
    assert shared.lessons_with_quiz() == {"lesson-4"}
    assert len(shared.deletions()) == len({*shared.deletions()}) == 3
    assert shared.store.following.position() == shared.content.end()


# A position that is lost


LOST: dict[str, Callable[[World], object]] = {
    "another feed": lambda world: world.content.renew_feed(),
    "pruned": lambda world: world.content.prune(),
    "another feed that is pruned": lambda world: world.content.renew_feed(pruned=True),
    "a position after the end": lambda world: world.store.following.move(
        FeedPosition(world.content.end().feed_id, 1_000), NOON
    ),
}


@pytest.mark.parametrize("lose", LOST.values(), ids=LOST.keys())
def test_a_lost_position_makes_quiz_compare_everything(world: World, lose: Callable[[World], object]) -> None:
    attempt = world.service.learners.submit("lesson-1", []).attempt
    world.content.delete("event-1", "lesson-1")
    world.content.delete("event-2")
    world.follower.catch_up()
    world.content.add("event-2", "lesson-3")
    world.content.delete("event-1", "lesson-2")
    lose(world)

    world.follower.catch_up()

    assert world.lessons_with_quiz() == set()
    assert list(world.service.quizzes.list_attempts(attempt.quiz_id, ALL).page.items) == [attempt]
    assert world.store.following.position() == world.content.end()
    assert world.tombstones() == [ContentKey("lesson", f"lesson-{number}") for number in (1, 2, 4)]
    assert world.create("event-2", "lesson-3").lesson_id == "lesson-3"
    assert world.follower.catch_up() == 0


def test_a_quiz_for_a_lesson_created_again_meanwhile_is_kept(memory: InMemoryQuizStore) -> None:
    world = World(memory)
    world.content.delete("event-1", "lesson-1")
    world.content.at_once = 1

    def create_again() -> None:
        world.content.add("event-1", "lesson-1")
        world.create("event-1", "lesson-1")

    # This happens after the end of the feed that the follower has seen; before that end is the deletion.
    world.content.meanwhile = {"feed": create_again}
    world.follower.catch_up()

    assert (world.tombstones(), world.lessons_with_quiz()) == ([], {"lesson-1"})


def test_an_overtaken_comparison_removes_no_newer_tombstone(world: World) -> None:
    world.content.delete("event-1", "lesson-1")
    world.follower.catch_up()
    world.content.add("event-1", "lesson-1")
    world.content.renew_feed(pruned=True)

    def overtake() -> None:
        faster = Follower(world.store, world.content)
        faster.catch_up()
        world.content.delete("event-1", "lesson-1")
        faster.catch_up()

    # The first request is about other deletions, the second about the tombstones.
    def then() -> None:
        world.content.meanwhile = {"present": overtake}

    world.content.meanwhile = {"present": then}
    world.follower.step()

    assert (world.content.meanwhile, world.tombstones()) == ({}, [ContentKey("lesson", "lesson-1")])


@pytest.mark.parametrize("never_followed", [False, True], ids=["lost its position", "never followed"])
def test_a_deletion_during_a_comparison_is_applied_by_the_same_catch_up(world: World, *, never_followed: bool) -> None:
    world.content.renew_feed(pruned=True)
    if never_followed:
        world.store.following.move(FeedPosition("", 0), NOON)
    # Content has been asked for every lesson by then.
    world.content.meanwhile = {"present": lambda: world.content.delete("event-1", "lesson-1")}

    world.follower.catch_up()

    assert world.lessons_with_quiz() == {"lesson-2", "lesson-3", "lesson-4"}
    assert world.tombstones() == [ContentKey("lesson", "lesson-1")]


def test_many_tombstones_are_compared_in_pages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.quiz.following.TOMBSTONES_AT_ONCE", 2)
    gone = [ContentKey("lesson", f"gone-{number}") for number in range(5)]
    alive = [ContentKey("lesson", "lesson-1"), ContentKey("event", "event-1")]
    world.store.following.add_tombstones([*gone, *alive], NOON)
    world.content.renew_feed(pruned=True)

    world.follower.catch_up()

    assert world.tombstones() == gone


def test_a_content_that_never_held_anything_deletes_no_quiz(world: World, memory: InMemoryQuizStore) -> None:
    before = memory.everything()
    follower = Follower(world.store, ContentOfTests())

    for _ in range(2):
        with pytest.raises(ContentIsEmpty):
            follower.catch_up()

    assert memory.everything() == before


class ShortFeed(ContentOfTests):
    """A content whose feed has no change, whatever its head says."""

    def changes(self, feed_id: str, *_rest: object) -> Sequence[ContentChange]:
        if feed_id == self.end().feed_id:
            return []
        raise FeedPositionLost


class LostFeed(ContentOfTests):
    """A content whose feed cannot be read even from its own end."""

    def changes(self, *_request: object) -> Sequence[ContentChange]:
        raise FeedPositionLost


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (ShortFeed, "Content's feed does not go as far as it says"),
        (LostFeed, "Content's feed cannot be read from where it says that it ends"),
    ],
)
def test_a_feed_that_contradicts_itself_is_read_later(
    world: World, memory: InMemoryQuizStore, kind: type[ContentOfTests], message: str
) -> None:
    broken = kind()
    broken.store = world.content.store
    broken.service = world.content.service
    world.content.renew_feed(pruned=kind is LostFeed)
    before = memory.everything()

    with pytest.raises(Unavailable, match=message):
        Follower(world.store, broken).catch_up()

    if kind is LostFeed:
        # It was compared once.
        before["position"] = world.content.end()
    assert memory.everything() == before


def test_without_quizzes_an_empty_content_is_followed_from_its_beginning(memory: InMemoryQuizStore) -> None:
    empty = ContentOfTests()
    assert Follower(memory, empty).catch_up() == 0
    assert memory.following.position() == FeedPosition(empty.end().feed_id, 0)


# Any history


EVENTS = st.sampled_from(["event-1", "event-2", "event-3"])
LESSON_OF = {f"lesson-{number}": f"event-{(number + 1) // 2}" for number in range(1, 7)}
LESSONS = st.sampled_from(sorted(LESSON_OF))
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), LESSONS),
        st.tuples(st.just("delete"), EVENTS | LESSONS),
        st.tuples(st.just("create"), LESSONS),
        st.tuples(st.sampled_from(["step", "catch up", "prune", "renew feed", "forget place"]), st.none()),
        st.tuples(st.just("at once"), st.integers(1, 4)),
    ),
    max_size=40,
)


class History(World):
    """A world, and the lessons deleted since the last catching up, even if they were created again."""

    def __init__(self, store: QuizStore) -> None:
        super().__init__(store)
        self.gone: set[str] = set()

    def act(self, action: str, what: Any) -> None:
        """Do this, unless it is impossible now."""
        match action:
            case "add" if (LESSON_OF[what], what) not in self.content.lessons():
                self.content.add(LESSON_OF[what], what)
            case "delete":
                self._delete(what)
            case "create":
                self._create(what)
            case "step":
                self.follower.step()
            case "catch up":
                self.catch_up()
            case "prune":
                self.content.prune()
            case "renew feed":
                self.content.renew_feed()
            case "forget place":
                self.store.following.move(FeedPosition("", 0), NOON)
            case "at once":
                self.content.at_once = what

    def catch_up(self) -> None:
        """Catch up; only quizzes of existing lessons are left, and every quiz of a lesson that was never deleted."""
        before = self.lessons_with_quiz()
        self.follower.catch_up()
        alive = {lesson_id for _, lesson_id in self.content.lessons()}
        left = self.lessons_with_quiz()
        # Whether a lesson that was created again has kept its quiz depends on the pages.
        assert (before & alive) - self.gone <= left <= before & alive
        self.gone = set()

    def _delete(self, what: str) -> None:
        event_id = LESSON_OF.get(what, what)
        lesson_id = what if what in LESSON_OF else None
        if event_id in self.content.events() and (lesson_id is None or (event_id, what) in self.content.lessons()):
            before = self.content.lessons()
            self.content.delete(event_id, lesson_id)
            self.gone |= {each for _, each in before - self.content.lessons()}

    def _create(self, lesson_id: str) -> None:
        try:
            self.create(LESSON_OF[lesson_id], lesson_id)
        except (EventNotFound, LessonNotFound, LessonHasQuiz):
            return


@settings(max_examples=50, deadline=None)
@given(actions=ACTIONS)
def test_after_any_history_exactly_the_existing_lessons_can_have_quizzes(actions: Sequence[tuple[str, Any]]) -> None:
    store = InMemoryQuizStore()
    history = History(store)
    for action, what in actions:
        history.act(action, what)

    history.catch_up()
    rows = store.everything()
    assert history.follower.catch_up() == 0
    assert store.everything() == rows

    with_quiz = history.lessons_with_quiz()
    for event_id, lesson_id in history.content.lessons():
        if lesson_id not in with_quiz:
            assert history.create(event_id, lesson_id).lesson_id == lesson_id
    alive = {each for _, each in history.content.lessons()}
    assert history.lessons_with_quiz() == alive
    assert not alive & {each.id for each in history.tombstones() if each.kind == "lesson"}
