"""services.quiz.integrity: each violation is found by table, id and rule, and nothing else is."""

from collections.abc import Sequence

import peewee
import pytest

import services.content.rules
from services.kit.core.errors import Unavailable
from services.kit.maintenance.examination import examine
from services.quiz import seed
from services.quiz.config import read_settings
from services.quiz.entities import FeedHead, FeedPosition, LessonReference
from services.quiz.following import Follower
from services.quiz.integrity import examination
from services.quiz.repository.store import PeeweeQuizStore
from services.quiz.rules import FEED_LAG_LIMIT
from services.quiz.service.quiz import QuizService
from tests.clock import NOON, SECOND, StoppedClock
from tests.content.examples import event_changes, with_two_events
from tests.content.memory import InMemoryContentStore
from tests.quiz.agreeing import AgreeingContent
from tests.quiz.examples import new_question, numbered_quiz, quiz_changes, quiz_fields, right
from tests.quiz.in_process import ContentInProcess
from tests.violations import NoProgress, Violation, all_rows, execute, found, judge, named, repair

NEW_REVISION = (
    "INSERT INTO quiz_revisions SELECT 'revision-9', quiz_id, title, pass_percentage, questions, created_at, "
    "event_id, lesson_id, replaced_at FROM quiz_revisions WHERE id = 'revision-1'"
)
OF_QUIZ_1 = "question_id IN (SELECT id FROM quiz_questions WHERE quiz_id = 'quiz-1')"


def broken(table: str, row_id: str, values: str, *rules: str) -> Violation:
    """Return the violation of these rules by one row that gets these values."""
    return Violation([f"UPDATE {table} SET {values} WHERE id = '{row_id}'"], [(table, row_id, rule) for rule in rules])


VIOLATIONS = {
    "a quiz that asks nothing": Violation(
        [f"DELETE FROM quiz_options WHERE {OF_QUIZ_1}", "DELETE FROM quiz_questions WHERE quiz_id = 'quiz-1'"],
        [("quizzes", "quiz-1", "quiz_questions"), ("quizzes", "quiz-1", "quiz_revision")],
    ),
    "a question with one option": Violation(
        ["DELETE FROM quiz_options WHERE id = 'option-2-2-of-1'"],
        [("quizzes", "quiz-1", "quiz_options"), ("quizzes", "quiz-1", "quiz_revision")],
    ),
    "a question without a right option": Violation(
        [f"UPDATE quiz_options SET is_correct = (1 = 0) WHERE {OF_QUIZ_1}"],
        [("quizzes", "quiz-1", "quiz_right_option")] * 2 + [("quizzes", "quiz-1", "quiz_revision")],
    ),
    "a revision that is not what is asked now": Violation(
        ["UPDATE quiz_questions SET prompt = 'Another' WHERE id = 'question-1-of-1'"],
        [("quizzes", "quiz-1", "quiz_revision")],
    ),
    "a revision of another quiz": broken(
        "quizzes", "quiz-1", "revision_id = 'revision-2'", "quiz_revision", "quiz_revision"
    ),
    "a revision that is not there": broken("quizzes", "quiz-1", "revision_id = 'nowhere'", "foreign_key"),
    "a revision that nothing uses": Violation(
        [NEW_REVISION],
        [("quiz_revisions", "revision-9", "revision_used")],
        repaired=True,
        gone=[("quiz_revisions", "revision-9")],
    ),
    "a revision that cannot be read": broken(
        "quiz_revisions", "revision-2", "questions = '[{\"id\": 1}'", "revision_readable"
    ),
    "a question without its quiz": Violation(
        ["UPDATE quiz_questions SET quiz_id = 'nowhere' WHERE id = 'question-1-of-2'"],
        [("quiz_questions", "question-1-of-2", "foreign_key"), ("quizzes", "quiz-2", "quiz_revision")],
    ),
    "options without their question": Violation(
        [
            "INSERT INTO quiz_options SELECT 'lost', 'nowhere', text, is_correct, position "
            "FROM quiz_options WHERE id = 'option-1-1-of-1'"
        ],
        [("quiz_options", "lost", "foreign_key")],
        repaired=True,
        gone=[("quiz_options", "lost")],
    ),
    "percentages beyond the hundred": broken(
        "quizzes", "quiz-2", "pass_percentage = 101", "quizzes_pass_percentage", "quiz_revision"
    ),
    "an attempt whose revision is gone": broken("quiz_attempts", "attempt-1", "revision_id = 'nowhere'", "foreign_key"),
    "an attempt with another quiz's revision": broken(
        "quiz_attempts", "attempt-1", "revision_id = 'revision-2'", "attempt_revision", "attempt_answers"
    ),
    "an attempt that cannot be read": broken(
        "quiz_attempts", "attempt-1", "answers = '[{\"question_id\": 7}]'", "attempt_readable"
    ),
    "an attempt that is no JSON": broken("quiz_attempts", "attempt-1", "answers = 'nonsense'", "attempt_readable"),
    "an answer that was never asked for": broken(
        "quiz_attempts", "attempt-1", "answers = replace(answers, 'question-1-of-1', 'question-7')", "attempt_answers"
    ),
    "an answer called wrong that is right": broken(
        "quiz_attempts",
        "attempt-1",
        "answers = replace(answers, '\"is_correct\":true', '\"is_correct\":false')",
        "attempt_answers",
    ),
    "counts that are not those of the answers": broken(
        "quiz_attempts", "attempt-1", "correct_answers = 0, answered_questions = 2", "attempt_counts"
    ),
    "a score that the rule does not give": broken(
        "quiz_attempts", "attempt-1", "score_percentage = 51", "attempt_score"
    ),
    "a pass percentage of no revision": broken(
        "quiz_attempts", "attempt-1", "pass_percentage = 10", "attempt_pass_percentage"
    ),
}


class WithoutTheFirstLesson(AgreeingContent):
    """A content that does not have lesson-1."""

    def __init__(self) -> None:
        self.requests: list[Sequence[LessonReference]] = []

    def missing(self, lessons: Sequence[LessonReference]) -> Sequence[LessonReference]:
        self.requests.append(lessons)
        return [lesson for lesson in lessons if lesson.lesson_id == "lesson-1"]


class SilentContent(AgreeingContent):
    """A content that does not respond."""

    def missing(self, lessons: Sequence[LessonReference]) -> Sequence[LessonReference]:
        raise Unavailable("Lessons cannot be looked up now")

    def feed(self) -> FeedHead:
        raise Unavailable("Lessons cannot be looked up now")


AGREED = examination(AgreeingContent())


def with_two_quizzes(database: peewee.Database) -> None:
    """Two quizzes, and an attempt at the first: one question right, the other not answered."""
    store = PeeweeQuizStore(database)
    quiz = numbered_quiz(1)
    store.quizzes.add(quiz)
    store.quizzes.add(numbered_quiz(2))
    service = QuizService(store, lambda event_id, lesson_id: None)
    attempt = service.learners.submit("lesson-1", [right(quiz.questions[0])]).attempt
    execute(database, f"UPDATE quiz_attempts SET id = 'attempt-1' WHERE id = '{attempt.id}'")


@pytest.mark.parametrize("name", VIOLATIONS)
def test_a_violation_is_found_and_nothing_else_is_found_or_changed(quiz_database: peewee.Database, name: str) -> None:
    with_two_quizzes(quiz_database)

    if name == "a question without its quiz":
        # The repair removes the question, so that the quiz still differs from its revision.
        execute(quiz_database, *VIOLATIONS[name].statements)
        assert named(found(quiz_database, AGREED)) == sorted(VIOLATIONS[name].findings)
        assert repair(quiz_database, AGREED)[0] == 1
        assert named(found(quiz_database, AGREED)) == [("quizzes", "quiz-2", "quiz_revision")]
        return
    judge(quiz_database, AGREED, VIOLATIONS[name])


def test_a_quiz_without_a_lesson_is_deleted_and_its_attempts_stay(quiz_database: peewee.Database) -> None:
    with_two_quizzes(quiz_database)
    before = all_rows(quiz_database, AGREED.migrations.tables)
    content = WithoutTheFirstLesson()
    checked = examination(content)

    assert named(found(quiz_database, checked)) == [("quizzes", "quiz-1", "lesson_exists")]
    assert content.requests == [[LessonReference("event-1", "lesson-1"), LessonReference("event-1", "lesson-2")]]
    remaining, lines = repair(quiz_database, checked)
    assert (remaining, lines) == (
        0,
        [
            "quizzes quiz-1 lesson_exists: content has no lesson lesson-1 of the event event-1: "
            "repaired: deleted it; its attempts stay"
        ],
    )
    assert found(quiz_database, checked) == []
    after = all_rows(quiz_database, AGREED.migrations.tables)
    assert [row[0] for row in after["quizzes"]] == ["quiz-2"]
    assert [row for row in before["quiz_questions"] if row[1] == "quiz-2"] == after["quiz_questions"]
    assert after["quiz_attempts"] == before["quiz_attempts"]
    assert [row[:6] for row in after["quiz_revisions"]] == [row[:6] for row in before["quiz_revisions"]]


def test_without_content_the_check_says_what_it_could_not_check(
    quiz_database: peewee.Database,
) -> None:
    with_two_quizzes(quiz_database)
    before = all_rows(quiz_database, AGREED.migrations.tables)
    unchecked = examination(SilentContent())

    [finding] = found(quiz_database, unchecked)

    assert finding.line() == (
        "quizzes - not_checked: whether their lessons exist, and are followed: "
        "content says: Lessons cannot be looked up now"
    )
    assert repair(quiz_database, unchecked)[0] == 1
    assert all_rows(quiz_database, AGREED.migrations.tables) == before


def test_rows_of_the_seeds_and_the_service_are_no_finding(quiz_database: peewee.Database) -> None:
    seed.seed_database(quiz_database, read_settings({}), "demo")
    service = QuizService(PeeweeQuizStore(quiz_database), lambda event_id, lesson_id: None)
    questions = (new_question(), new_question("More?", 7, True, True))
    quiz = service.quizzes.create(quiz_fields("lesson", questions=questions))
    service.learners.submit("lesson", [])
    service.learners.submit("lesson", [right(each) for each in quiz.questions])
    service.quizzes.update(quiz.id, quiz_changes(pass_percentage=0))
    service.learners.submit("lesson", [right(quiz.questions[0])], revision_id=quiz.revision_id)
    # No attempt points to this version, which grades for a day.
    service.quizzes.update(quiz.id, quiz_changes(pass_percentage=1))
    service.learners.submit("lesson", [])
    service.quizzes.delete(quiz.id)

    assert found(quiz_database, AGREED) == []


# Following


class Followed:
    """A content in which two events with lessons were created at noon, and its follower."""

    def __init__(self, database: peewee.Database):
        self.clock = StoppedClock()
        self.database = database
        self.store = InMemoryContentStore(self.clock)
        self.content = ContentInProcess(with_two_events(self.store), self.clock)
        self.quiz = PeeweeQuizStore(database)
        self.follower = Follower(self.quiz, self.content)

    def lag(self, *, alone: bool = False) -> list[str]:
        """Return the findings of a check."""
        checked = examination(self.content, self.clock)
        return [each.line() for each in examine(self.database, checked, NoProgress(), alone=alone)]

    def change(self) -> None:
        """Make one more change in content."""
        self.content.service.events.update("event-1", event_changes(title="Changed"))


@pytest.fixture
def followed(quiz_database: peewee.Database) -> Followed:
    """Quiz before the follower's first step."""
    return Followed(quiz_database)


def test_a_feed_that_was_never_followed_is_a_finding_after_the_limit(
    followed: Followed,
) -> None:
    followed.clock.at = NOON + FEED_LAG_LIMIT
    # As after a seed, before the follower's first step.
    assert followed.lag() == []

    followed.clock.at = NOON + 5 * FEED_LAG_LIMIT
    assert followed.lag() == [
        "feed_position - feed_lag: content's feed was never followed, for 5 minutes: is the follower running?"
    ]
    assert followed.lag(alone=True) == []

    followed.follower.catch_up()
    assert followed.lag() == []


def test_a_feed_without_changes_need_not_be_followed(quiz_database: peewee.Database) -> None:
    followed = Followed(quiz_database)
    followed.content = ContentInProcess(InMemoryContentStore(followed.clock), followed.clock)
    followed.clock.at = NOON + 5 * FEED_LAG_LIMIT
    assert followed.lag() == []


def test_a_follower_that_lags_beyond_the_limit_is_a_finding(followed: Followed) -> None:
    followed.follower.catch_up()
    followed.clock.at = NOON + 10 * FEED_LAG_LIMIT
    # It does not matter how long ago the last change was read.
    assert followed.lag() == []
    followed.change()
    followed.clock.at += FEED_LAG_LIMIT
    followed.change()
    assert followed.lag() == []

    followed.clock.at += SECOND
    assert followed.lag() == [
        "feed_position - feed_lag: it is 2 changes behind, for 1 minutes: is the follower running?"
    ]
    assert followed.lag(alone=True) == []
    [reader] = followed.store.changes.readers()
    position = followed.quiz.following.position()
    assert position is not None
    assert reader.position == position.sequence

    followed.follower.catch_up()
    assert followed.lag() == []


def test_a_follower_of_another_feed_is_a_finding(followed: Followed) -> None:
    feed_id = followed.content.feed().feed_id
    followed.quiz.following.position(for_update=True)
    followed.quiz.following.move(FeedPosition("another", 3), NOON)
    assert followed.lag() == []

    followed.clock.at = NOON + 2 * FEED_LAG_LIMIT
    assert followed.lag() == [
        f"feed_position - feed_lag: it follows the feed another, and content has {feed_id}, "
        "for 2 minutes: is the follower running?"
    ]


@pytest.mark.parametrize("sequence", [1, 7])
def test_a_position_outside_of_the_feed_is_a_finding(followed: Followed, sequence: int) -> None:
    followed.store.changes.prune(2)
    followed.quiz.following.position(for_update=True)
    followed.quiz.following.move(FeedPosition(followed.content.feed().feed_id, sequence), NOON)
    assert followed.lag() == []

    followed.clock.at = NOON + 2 * FEED_LAG_LIMIT
    assert followed.lag() == [
        f"feed_position - feed_lag: it is at {sequence}, and content tells 3 to 6, "
        "for 2 minutes: is the follower running?"
    ]


def test_content_and_quiz_have_the_same_limit_of_lag() -> None:
    assert services.content.rules.FEED_LAG_LIMIT == FEED_LAG_LIMIT
