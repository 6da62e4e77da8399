"""Quizzes of the private event."""

from services.quiz.seed.samples import SampleQuestion, SampleQuiz

PORTRAITS = (
    SampleQuiz(
        id="quiz-private-2",
        event_id="event-private-2",
        lesson_id="lesson-private-2",
        title="Know Your Window",
        questions=(
            SampleQuestion(
                "North of the equator, which window gives the steadiest light?",
                ("A window to the north", "A window to the south", "A window to the west"),
                right=(1,),
            ),
            SampleQuestion(
                "What makes the light of a sunny window softer?",
                ("A thin white curtain", "A smaller opening", "A mirror beside it", "A darker wall"),
                right=(1,),
            ),
        ),
    ),
    SampleQuiz(
        id="quiz-private-3",
        event_id="event-private-2",
        lesson_id="lesson-private-3",
        title="Four Patterns",
        pass_percentage=80,
        questions=(
            SampleQuestion(
                "Which pattern leaves a small triangle of light on the far cheek?",
                ("Split", "Rembrandt", "Butterfly", "Loop"),
                right=(2,),
            ),
            SampleQuestion(
                "The sitter turns side-on to the window and half of the face goes dark. What is it called?",
                ("Split", "Loop", "Butterfly"),
                right=(1,),
            ),
            SampleQuestion(
                "Which of these brighten the shadows without a lamp?",
                ("A white card", "A lower chair", "A bed sheet on the dark side", "A longer lens"),
                right=(1, 3),
            ),
            SampleQuestion(
                "You move the chair away from the window. The light on the face becomes...",
                ("harder and weaker", "softer and stronger", "the same, only warmer"),
                right=(1,),
            ),
            SampleQuestion(
                "Where should the eyes find a reflection of the window?",
                ("In their upper half", "In their lower half", "Nowhere"),
                right=(1,),
            ),
        ),
    ),
)
