"""Quizzes of the event that is about to open."""

from services.quiz.seed.samples import SampleQuestion, SampleQuiz

DATA_ANALYSIS = (
    SampleQuiz(
        id="quiz-opening-1",
        event_id="event-opening-1",
        lesson_id="lesson-opening-1",
        title="Is It a Question Yet?",
        questions=(
            SampleQuestion(
                "Which of these can a table of bicycle counts answer?",
                (
                    "Do more people ride on dry weekdays than on wet ones?",
                    "Are cyclists happier than drivers?",
                    "Should the stack like bicycles?",
                ),
                right=(1,),
            ),
            SampleQuestion(
                "What belongs into a question before you open the table?",
                (
                    "The answer that would prove you wrong",
                    "The colour of the chart",
                    "The period that you mean",
                    "The number of rows",
                ),
                right=(1, 3),
            ),
        ),
    ),
    SampleQuiz(
        id="quiz-opening-2",
        event_id="event-opening-1",
        lesson_id="lesson-opening-2",
        title="Clean Hands",
        questions=(
            SampleQuestion(
                "A counter reports 0 bicycles on a sunny Tuesday. What do you do first?",
                (
                    "Delete the row",
                    "Find out whether the counter was running",
                    "Write in the mean of the month",
                ),
                right=(2,),
            ),
            SampleQuestion(
                "Why keep the raw file untouched?",
                (
                    "So that every step can be repeated and checked",
                    "Because it is smaller",
                    "Because spreadsheets demand it",
                ),
                right=(1,),
            ),
            SampleQuestion(
                "Two rows are equal in every column. They are...",
                (
                    "always an error",
                    "never an error",
                    "an error only if the same count was recorded twice",
                ),
                right=(3,),
            ),
        ),
    ),
)
