"""What the import of the old baseline asks a QuizStore: the contract, for the twin and for both engines."""

from services.quiz.repository.contracts import QuizStore
from tests.quiz.examples import a_quiz, numbered_quiz


def test_quizzes_are_found_whole_by_id_or_lesson(store: QuizStore) -> None:
    first, second = a_quiz(), numbered_quiz(2)
    store.quizzes.add(first)
    store.quizzes.add(second)
    assert store.quizzes.find([first.id], []) == [first]
    assert store.quizzes.find([], [second.lesson_id]) == [second]
    found = store.quizzes.find([first.id], [second.lesson_id])
    assert sorted(each.id for each in found) == sorted([first.id, second.id])
    assert store.quizzes.find([], []) == []


def test_taken_ids_are_told_by_kind(store: QuizStore) -> None:
    quiz = a_quiz()
    store.quizzes.add(quiz)
    question = quiz.questions[0]
    option = question.options[0]
    assert store.quizzes.taken_question_ids([question.id, option.id, "none"]) == {question.id}
    assert store.quizzes.taken_option_ids([question.id, option.id, "none"]) == {option.id}
    assert (store.quizzes.taken_question_ids([]), store.quizzes.taken_option_ids([])) == (set(), set())
