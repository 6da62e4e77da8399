"""Quizzes of the event that is over."""

from services.quiz.seed.samples import SampleQuestion, SampleQuiz

WATERCOLOUR = (
    SampleQuiz(
        id="quiz-over-1",
        event_id="event-over-1",
        lesson_id="lesson-over-1",
        title="Wet, Damp or Dry",
        questions=(
            SampleQuestion(
                "How do you see that paper is damp rather than wet?",
                ("It mirrors the lamp", "Its shine has just gone", "It curls upwards", "It turns grey"),
                right=(2,),
            ),
            SampleQuestion(
                "Where does a drop of paint keep a hard edge?",
                ("On dry paper", "On damp paper", "On wet paper"),
                right=(1,),
            ),
        ),
    ),
    SampleQuiz(
        id="quiz-over-3",
        event_id="event-over-1",
        lesson_id="lesson-over-3",
        title="Mixing From Three",
        pass_percentage=60,
        questions=(
            SampleQuestion(
                "What dulls a green that is too loud?",
                ("A touch of red", "More yellow", "More water only"),
                right=(1,),
            ),
            SampleQuestion(
                "Which pairs make a lively grey?",
                ("Blue and orange", "Red and yellow", "Red and green", "Blue and a cooler blue"),
                right=(1, 3),
            ),
            SampleQuestion(
                "Watercolour dries...",
                ("darker than it looks when wet", "lighter than it looks when wet", "exactly as it looks when wet"),
                right=(2,),
            ),
        ),
    ),
    SampleQuiz(
        id="quiz-over-6",
        event_id="event-over-1",
        lesson_id="lesson-over-6",
        title="The Last Evening",
        questions=(
            SampleQuestion(
                "Which part of the harbour is painted first?",
                ("The masts", "The lightest sky", "The reflections", "The signature"),
                right=(2,),
            ),
            SampleQuestion(
                "What is done about the lit windows?",
                (
                    "They are left as bare paper",
                    "They are added with black",
                    "They are scraped out of the first wet wash",
                ),
                right=(1,),
            ),
        ),
    ),
)
