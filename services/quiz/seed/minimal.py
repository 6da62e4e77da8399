"""The quiz of the smallest installation."""

from services.quiz.seed.samples import SampleQuestion, SampleQuiz

MINIMAL = (
    SampleQuiz(
        id="quiz-public-1",
        event_id="event-public-1",
        lesson_id="lesson-public-1",
        title="Are You Ready to Build?",
        questions=(
            SampleQuestion(
                "What does a first version have to prove?",
                (
                    "That the code base can grow to a million users",
                    "That somebody wants the promise it makes",
                    "That every feature of the competition can be copied",
                ),
                right=(2,),
            ),
            SampleQuestion(
                "Which of these tell you that an early visitor is serious?",
                (
                    "They pay before the product is finished",
                    "They call the idea interesting",
                    "They show you how they solve the problem today",
                    "They follow you on every network",
                ),
                right=(1, 3),
            ),
        ),
    ),
)
