"""services.quiz.following over content's own feed: what is gone there takes its quizzes with it here, exactly once.

Content is in memory and answers without HTTP; quiz is on both engines.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import peewee
import pytest
import uuid_utils
from hypothesis import given
from hypothesis import strategies as st

from services.kit.core.errors import Unavailable
from services.kit.storage.audit.log import AuditFilter
from services.quiz.entities import ContentChange, ContentKey, FeedHead, FeedPosition, Quiz
from services.quiz.errors import ContentIsEmpty, EventNotFound, FeedPositionLost, LessonHasQuiz, LessonNotFound
from services.quiz.following import Follower
from services.quiz.migrations import MIGRATIONS
from services.quiz.repository.contracts import ALL, QuizFilter
from services.quiz.repository.store import PeeweeQuizStore
from services.quiz.service import QuizService
from tests.clock import NOON
from tests.content.examples import a_lesson, an_event
from tests.content.memory import InMemoryContentStore
from tests.parallel import at_once, without_patience
from tests.quiz.examples import new_question
from tests.quiz.in_process import ContentInProcess
from tests.stores import over_one_store, undone
from tests.violations import all_rows


class ContentOfTests(ContentInProcess):
    """Content in memory; once, after an answer to the question of that name, it does what is to happen `meanwhile`."""

    def __init__(self, at_once: int = 1000):
        self.store = InMemoryContentStore(lambda: NOON)
        super().__init__(self.store, lambda: NOON, at_once)
        self.meanwhile: dict[str, Callable[[], object]] = {}

    def require_lesson(self, event_id: str, lesson_id: str) -> None:
        """As asked."""
        super().require_lesson(event_id, lesson_id)
        self._do_meanwhile("require_lesson")

    def feed(self) -> FeedHead:
        """As asked."""
        head = super().feed()
        self._do_meanwhile("feed")
        return head

    def changes(self, feed_id: str, after: int, limit: int, wait_seconds: int = 0) -> Sequence[ContentChange]:
        """As asked."""
        changes = super().changes(feed_id, after, limit, wait_seconds)
        self._do_meanwhile("changes")
        return changes

    def present(self, keys: Sequence[ContentKey]) -> set[ContentKey]:
        """As asked."""
        present = super().present(keys)
        self._do_meanwhile("present")
        return present

    def _do_meanwhile(self, question: str) -> None:
        self.meanwhile.pop(question, lambda: None)()

    # What happens in content

    def add(self, event_id: str, *lesson_ids: str) -> None:
        """These lessons, and their event where it is not there."""
        if event_id not in self.events():
            self.store.events.add(an_event(id=event_id, slug=event_id))
        for lesson_id in lesson_ids:
            self.store.lessons.add(a_lesson(id=lesson_id, event_id=event_id, slug=lesson_id))

    def delete(self, event_id: str, lesson_id: str | None = None) -> None:
        """The lesson, or the whole event."""
        if lesson_id is None:
            self.service.delete_event(event_id)
        else:
            self.service.delete_lesson(event_id, lesson_id)

    def events(self) -> set[str]:
        """Those that are there."""
        return {*self.store._rows.events}

    def lessons(self) -> set[tuple[str, str]]:
        """Those that are there, with their events."""
        return {(each.event_id, each.id) for each in self.store._rows.lessons.values()}

    def prune(self) -> None:
        """Forget every change."""
        self.store.changes.prune(self.store.changes.feed().last_sequence)

    def renew_feed(self, *, pruned: bool = False) -> None:
        """As a restore does: nobody can read on."""
        if pruned:
            self.prune()
        self.store._rows.feed = replace(self.store._rows.feed, feed_id=str(uuid_utils.uuid7()))


class World:
    """Quiz beside its content, in which two events have two lessons each."""

    def __init__(self, store: PeeweeQuizStore) -> None:
        self.store = store
        self.content = ContentOfTests()
        self.content.add("event-1", "lesson-1", "lesson-2")
        self.content.add("event-2", "lesson-3", "lesson-4")
        self.service = QuizService(store, self.content.require_lesson)
        self.follower = Follower(store, self.content)

    def create(self, event_id: str, lesson_id: str) -> Quiz:
        """The lesson's quiz."""
        return self.service.create_quiz(event_id, lesson_id, "Quiz", None, [new_question()])

    def create_all(self) -> None:
        """A quiz for every lesson."""
        for event_id, lesson_id in sorted(self.content.lessons()):
            self.create(event_id, lesson_id)

    def quizzed(self) -> set[str]:
        """The lessons that have a quiz."""
        return {quiz.lesson_id for quiz in self.store.quizzes.list(QuizFilter())}

    def deletions(self) -> list[str]:
        """The deleted quizzes, as often as an entry tells of each."""
        entries = self.store.audit.list(AuditFilter(), ALL)
        return [each.subject_id for each in entries if each.action == "quiz.deleted"]

    def buried(self) -> list[ContentKey]:
        """The tombstones."""
        return [each for page in self.store.following.buried(1) for each in page]


@pytest.fixture
def world(quiz_database: peewee.Database) -> World:
    """A quiz for every lesson, and everything taken in."""
    world = World(PeeweeQuizStore(quiz_database))
    world.create_all()
    world.follower.catch_up()
    return world


@pytest.fixture
def apart(database: peewee.Database) -> World:
    """The same in a database of its own, which threads may open; it has not followed yet."""
    MIGRATIONS.up(database)
    world = World(PeeweeQuizStore(database))
    world.create_all()
    return world


# What is gone


def test_a_deleted_lesson_takes_its_quiz_with_it_and_its_attempts_stay(world: World) -> None:
    attempt = world.service.submit("lesson-1", []).attempt
    world.content.delete("event-1", "lesson-1")

    assert world.follower.catch_up() == 1

    assert world.quizzed() == {"lesson-2", "lesson-3", "lesson-4"}
    history = world.service.list_attempts(attempt.quiz_id, ALL)
    assert list(history.page.items) == [attempt]
    assert history.revisions.keys() == {attempt.revision_id}
    assert world.deletions() == [attempt.quiz_id]
    assert world.follower.catch_up() == 0


def test_a_deleted_event_takes_the_quizzes_of_all_its_lessons_with_it(world: World) -> None:
    attempt = world.service.submit("lesson-2", []).attempt
    world.content.delete("event-1")

    world.follower.catch_up()

    assert world.quizzed() == {"lesson-3", "lesson-4"}
    assert len(world.deletions()) == 2
    assert list(world.service.list_attempts(attempt.quiz_id, ALL).page.items) == [attempt]


@pytest.mark.parametrize("at_most", [1, 2, 3, 1000])
def test_in_however_many_pages_the_changes_come_the_end_is_the_same(world: World, at_most: int) -> None:
    world.content.at_once = at_most
    world.content.add("event-3", "lesson-5")
    world.content.delete("event-1")
    world.content.delete("event-2", "lesson-4")
    head = world.content.feed()

    # Two created, an event and its two lessons deleted, a lesson deleted.
    assert world.follower.catch_up() == 6

    assert world.quizzed() == {"lesson-3"}
    assert world.store.following.position() == FeedPosition(head.feed_id, head.last_sequence)
    buried = [ContentKey("event", "event-1"), *(ContentKey("lesson", f"lesson-{number}") for number in (1, 2, 4))]
    assert world.buried() == buried


# Tombstones


@pytest.mark.parametrize("compared", [False, True], ids=["read", "compared"])
@pytest.mark.parametrize(("lesson_id", "error"), [("lesson-1", LessonNotFound), (None, EventNotFound)])
def test_what_is_deleted_while_a_quiz_is_made_for_it_gets_none(
    world: World, lesson_id: str | None, error: type[Exception], *, compared: bool
) -> None:
    world.service.delete_quiz(world.service.get_lesson_quiz("lesson-1").id)

    def delete() -> None:
        world.content.delete("event-1", lesson_id)
        if compared:
            world.content.renew_feed()
        world.follower.catch_up()

    # Content has just said that the lesson is there.
    world.content.meanwhile = {"require_lesson": delete}
    with pytest.raises(error):
        world.create("event-1", "lesson-1")

    assert world.content.meanwhile == {}
    assert "lesson-1" not in world.quizzed()


def test_who_buries_a_lesson_waits_for_the_quiz_that_is_being_made_for_it_and_removes_it(
    apart: World, database: peewee.Database
) -> None:
    apart.follower.catch_up()
    apart.service.delete_quiz(apart.service.get_lesson_quiz("lesson-1").id)
    refused: list[str] = []

    def keep(quiz: Quiz) -> None:
        # The quiz is in, and nobody can see it yet.
        apart.content.delete("event-1", "lesson-1")
        with ThreadPoolExecutor(1) as pool:
            failure = pool.submit(without_patience(database, apart.follower.catch_up)).exception()
        refused.append(type(failure).__name__)

    apart.service.create_quiz("event-1", "lesson-1", "Quiz", None, [new_question()], keep)

    assert refused == ["OperationalError"]
    assert "lesson-1" in apart.quizzed()
    apart.follower.catch_up()
    assert "lesson-1" not in apart.quizzed()


def test_what_comes_back_under_its_id_may_have_a_quiz_again(world: World) -> None:
    world.content.delete("event-1")
    world.follower.catch_up()
    world.content.add("event-1", "lesson-1")
    # Content would confirm it, and quiz has not heard that it is back.
    with pytest.raises(EventNotFound):
        world.create("event-1", "lesson-1")

    world.follower.catch_up()

    assert world.buried() == [ContentKey("lesson", "lesson-2")]
    assert world.create("event-1", "lesson-1").lesson_id == "lesson-1"


def test_what_is_deleted_and_back_within_one_page_keeps_its_quiz(world: World) -> None:
    world.content.delete("event-1", "lesson-1")
    world.content.add("event-1", "lesson-1")

    world.follower.catch_up()

    assert (world.buried(), "lesson-1" in world.quizzed()) == ([], True)


# One transaction


class Broken(Exception):
    """What was at work ends here."""


class BreaksAfter:
    """Does what it is asked, and breaks off right after the method of that name, the first time."""

    def __init__(self, whole: Any, method: str):
        self._whole = whole
        self._method: str | None = method

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._whole, name)
        if name != self._method:
            return method

        def and_break(*args: Any) -> None:
            self._method = None
            method(*args)
            raise Broken

        return and_break


@pytest.mark.parametrize("compared", [False, True], ids=["read", "compared"])
@pytest.mark.parametrize(
    ("part", "method"),
    [
        ("following", "add_tombstones"),
        ("quizzes", "remove_all"),
        ("following", "remove_tombstones"),
        ("following", "move"),
    ],
)
def test_the_place_and_the_effects_are_kept_together_or_not_at_all_and_then_once(
    quiz_database: peewee.Database, world: World, part: str, method: str, *, compared: bool
) -> None:
    world.content.delete("event-2", "lesson-3")
    world.follower.catch_up()
    deleted = world.service.get_lesson_quiz("lesson-1").id
    world.content.delete("event-1", "lesson-1")
    world.content.add("event-2", "lesson-3")
    if compared:
        world.content.renew_feed()
    before = all_rows(quiz_database, MIGRATIONS.tables)
    breaking: Any = PeeweeQuizStore(quiz_database)
    setattr(breaking, part, BreaksAfter(getattr(breaking, part), method))
    follower = Follower(breaking, world.content)

    with pytest.raises(Broken):
        follower.catch_up()
    kept = all_rows(quiz_database, MIGRATIONS.tables)
    if compared and (part, method) != ("following", "remove_tombstones"):
        # What is back is dug up before, by itself: that is harmless, whatever becomes of the rest.
        before["tombstones"] = []
    assert kept == before

    follower.catch_up()
    world.follower.catch_up()
    assert world.quizzed() == {"lesson-2", "lesson-4"}
    assert world.deletions().count(deleted) == 1
    assert world.buried() == [ContentKey("lesson", "lesson-1")]
    head = world.content.feed()
    assert world.store.following.position() == FeedPosition(head.feed_id, head.last_sequence)


@pytest.mark.parametrize("overtaken_at", ["changes", "feed", "present"])
def test_who_has_read_the_same_as_a_faster_follower_does_nothing(world: World, overtaken_at: str) -> None:
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
    assert world.quizzed() == {"lesson-1", "lesson-3", "lesson-4"}
    assert len(world.deletions()) == len({*world.deletions()}) == 2
    head = world.content.feed()
    assert world.store.following.position() == FeedPosition(head.feed_id, head.last_sequence)


@pytest.mark.parametrize("compared", [False, True], ids=["read", "compared"])
def test_of_many_followers_at_once_one_does_each_thing(apart: World, *, compared: bool) -> None:
    apart.content.at_once = 2
    if not compared:
        apart.follower.catch_up()
    apart.content.delete("event-1")
    apart.content.delete("event-2", "lesson-3")

    results = at_once(*[Follower(apart.store, apart.content).catch_up] * 4)

    assert all(isinstance(each, int) for each in results)
    assert apart.quizzed() == {"lesson-4"}
    assert len(apart.deletions()) == len({*apart.deletions()}) == 3
    head = apart.content.feed()
    assert apart.store.following.position() == FeedPosition(head.feed_id, head.last_sequence)


# A place that is lost


LOST: dict[str, Callable[[World], object]] = {
    "another feed": lambda world: world.content.renew_feed(),
    "pruned": lambda world: world.content.prune(),
    "another feed that is pruned": lambda world: world.content.renew_feed(pruned=True),
    "a place behind the end": lambda world: world.store.following.move(
        FeedPosition(world.content.feed().feed_id, 1_000), NOON
    ),
}


@pytest.mark.parametrize("lose", LOST.values(), ids=LOST.keys())
def test_where_the_feed_cannot_be_read_on_everything_is_compared(world: World, lose: Callable[[World], object]) -> None:
    attempt = world.service.submit("lesson-1", []).attempt
    world.content.delete("event-1", "lesson-1")
    world.content.delete("event-2")
    lose(world)

    world.follower.catch_up()

    assert world.quizzed() == {"lesson-2"}
    assert list(world.service.list_attempts(attempt.quiz_id, ALL).page.items) == [attempt]
    head = world.content.feed()
    assert world.store.following.position() == FeedPosition(head.feed_id, head.last_sequence)
    assert world.follower.catch_up() == 0


@pytest.mark.parametrize("lose", LOST.values(), ids=LOST.keys())
def test_what_is_back_when_everything_is_compared_is_buried_no_more(
    world: World, lose: Callable[[World], object]
) -> None:
    world.content.delete("event-1")
    world.content.delete("event-2", "lesson-3")
    world.follower.catch_up()
    world.content.add("event-1", "lesson-1")
    lose(world)

    world.follower.catch_up()

    assert world.buried() == [ContentKey("lesson", "lesson-2"), ContentKey("lesson", "lesson-3")]
    assert world.create("event-1", "lesson-1").lesson_id == "lesson-1"


def test_a_quiz_for_what_comes_back_while_everything_is_compared_is_not_lost(quiz_database: peewee.Database) -> None:
    world = World(PeeweeQuizStore(quiz_database))
    world.content.delete("event-1", "lesson-1")
    world.content.at_once = 1

    def come_back() -> None:
        world.content.add("event-1", "lesson-1")
        world.create("event-1", "lesson-1")

    # The end that the follower has seen is before it, and what it reads up to there tells of the deletion.
    world.content.meanwhile = {"feed": come_back}
    world.follower.catch_up()

    assert (world.buried(), world.quizzed()) == ([], {"lesson-1"})


def test_who_is_overtaken_while_comparing_digs_up_nothing_that_has_gone_again(world: World) -> None:
    world.content.delete("event-1", "lesson-1")
    world.follower.catch_up()
    world.content.add("event-1", "lesson-1")
    world.content.renew_feed(pruned=True)

    def overtake() -> None:
        faster = Follower(world.store, world.content)
        faster.catch_up()
        world.content.delete("event-1", "lesson-1")
        faster.catch_up()

    # The first question is about what else has gone, the second about the tombstones.
    def then() -> None:
        world.content.meanwhile = {"present": overtake}

    world.content.meanwhile = {"present": then}
    world.follower.step()

    assert (world.content.meanwhile, world.buried()) == ({}, [ContentKey("lesson", "lesson-1")])


@pytest.mark.parametrize("never_followed", [False, True], ids=["lost its place", "never followed"])
def test_what_goes_while_everything_is_compared_is_gone_with_the_same_catching_up(
    world: World, *, never_followed: bool
) -> None:
    world.content.renew_feed(pruned=True)
    if never_followed:
        world.store.following.move(FeedPosition("", 0), NOON)
    # Everything has been asked for by then.
    world.content.meanwhile = {"present": lambda: world.content.delete("event-1", "lesson-1")}

    world.follower.catch_up()

    assert world.quizzed() == {"lesson-2", "lesson-3", "lesson-4"}
    assert world.buried() == [ContentKey("lesson", "lesson-1")]


def test_many_tombstones_are_asked_for_in_pages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.quiz.following.TOMBSTONES_AT_ONCE", 2)
    gone = [ContentKey("lesson", f"gone-{number}") for number in range(5)]
    world.store.following.add_tombstones(
        [*gone, ContentKey("lesson", "lesson-1"), ContentKey("event", "event-1")], NOON
    )
    world.content.renew_feed(pruned=True)

    world.follower.catch_up()

    assert world.buried() == gone


def test_a_content_that_never_held_anything_is_the_end_of_no_quiz(quiz_database: peewee.Database, world: World) -> None:
    before = all_rows(quiz_database, MIGRATIONS.tables)
    follower = Follower(world.store, ContentOfTests())

    for _ in range(2):
        with pytest.raises(ContentIsEmpty):
            follower.catch_up()

    assert all_rows(quiz_database, MIGRATIONS.tables) == before


def test_a_feed_that_ends_before_it_says_so_is_read_later_and_nothing_is_done_meanwhile(
    quiz_database: peewee.Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.content.renew_feed()
    before = all_rows(quiz_database, MIGRATIONS.tables)

    def changes(feed_id: str, *_rest: object) -> Sequence[ContentChange]:
        if feed_id == world.content.feed().feed_id:
            return []
        raise FeedPositionLost

    monkeypatch.setattr(world.content, "changes", changes)

    with pytest.raises(Unavailable, match="does not go as far as it says"):
        world.follower.catch_up()

    assert all_rows(quiz_database, MIGRATIONS.tables) == before


def test_a_feed_that_cannot_be_read_from_its_own_end_is_compared_once_and_read_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.content.renew_feed(pruned=True)
    asked: list[FeedHead] = []

    def lost(*_question: object) -> Sequence[ContentChange]:
        raise FeedPositionLost

    def feed() -> FeedHead:
        asked.append(ContentInProcess.feed(world.content))
        return asked[-1]

    monkeypatch.setattr(world.content, "changes", lost)
    monkeypatch.setattr(world.content, "feed", feed)

    with pytest.raises(Unavailable, match="cannot be read from where it says that it ends"):
        world.follower.catch_up()

    assert len(asked) == 1


def test_without_quizzes_an_empty_content_is_followed_from_its_beginning(quiz_database: peewee.Database) -> None:
    world = World(PeeweeQuizStore(quiz_database))
    empty = ContentOfTests()

    assert Follower(world.store, empty).catch_up() == 0

    assert world.store.following.position() == FeedPosition(empty.feed().feed_id, 0)


def test_a_content_that_has_lost_everything_takes_every_quiz_with_it(world: World) -> None:
    world.content.delete("event-1")
    world.content.delete("event-2")
    world.content.renew_feed(pruned=True)

    world.follower.catch_up()

    assert world.quizzed() == set()


# Whatever happens


EVENTS = st.sampled_from(["event-1", "event-2", "event-3"])
LESSON_OF = {f"lesson-{number}": f"event-{(number + 1) // 2}" for number in range(1, 7)}
LESSONS = st.sampled_from(sorted(LESSON_OF))
DEEDS = st.lists(
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
    """A world, and which lessons have gone since everything was taken in, even if they are back."""

    def __init__(self, store: PeeweeQuizStore) -> None:
        super().__init__(store)
        self.gone: set[str] = set()

    def happen(self, entry: str, what: Any) -> None:
        """One thing more; what cannot be now does not happen."""
        match entry:
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
        """Take everything in, and judge what is left: the quizzes of what is alive, and those only."""
        before = self.quizzed()
        self.follower.catch_up()
        alive = {lesson_id for _, lesson_id in self.content.lessons()}
        left = self.quizzed()
        # Whether a lesson that was gone for a while has kept its quiz is a matter of pages.
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


@over_one_store
@given(entries=DEEDS)
def test_after_any_history_the_quizzes_are_those_of_lessons_that_are_alive_and_those_can_have_one(
    quiz_database: peewee.Database, entries: Sequence[tuple[str, Any]]
) -> None:
    store = PeeweeQuizStore(quiz_database)
    with undone(store):
        history = History(store)
        for entry, what in entries:
            history.happen(entry, what)

        history.catch_up()
        rows = all_rows(quiz_database, MIGRATIONS.tables)
        assert history.follower.catch_up() == 0
        assert all_rows(quiz_database, MIGRATIONS.tables) == rows

        quizzed = history.quizzed()
        for event_id, lesson_id in history.content.lessons():
            if lesson_id not in quizzed:
                assert history.create(event_id, lesson_id).lesson_id == lesson_id
        alive = {each for _, each in history.content.lessons()}
        assert history.quizzed() == alive
        assert not alive & {each.id for each in history.buried() if each.kind == "lesson"}
