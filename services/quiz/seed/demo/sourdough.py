"""Quizzes of the event that is live now."""

from services.quiz.seed.samples import SampleQuestion, SampleQuiz

SOURDOUGH = (
    SampleQuiz(
        id="quiz-live-1",
        event_id="event-live-1",
        lesson_id="lesson-live-1",
        title="Is Your Jar Ready?",
        questions=(
            SampleQuestion(
                "What goes into the jar on the first day?",
                ("Flour and water", "Flour, water and yeast", "Flour and milk"),
                right=(1,),
            ),
            SampleQuestion(
                "How should the jar be closed?",
                ("Airtight, with a clamp", "Loosely, so that gas gets out", "Not at all"),
                right=(2,),
            ),
        ),
    ),
    SampleQuiz(
        id="quiz-live-2",
        event_id="event-live-1",
        lesson_id="lesson-live-2",
        title="Can You Read a Starter?",
        questions=(
            SampleQuestion(
                "Your starter has a dome on top. What does that mean?",
                ("It is still rising", "It has collapsed", "It is too cold to rise"),
                right=(1,),
            ),
            SampleQuestion(
                "Which signs say that it is ready to raise a dough?",
                (
                    "It doubles within a few hours of a feeding",
                    "It is older than a year",
                    "A spoonful of it floats",
                    "It has a layer of dark liquid",
                ),
                right=(1, 3),
            ),
            SampleQuestion(
                "It smells of nail varnish. What does it want?",
                ("A new jar", "Food", "Salt", "A day in the sun"),
                right=(2,),
            ),
        ),
    ),
    SampleQuiz(
        id="quiz-live-3",
        event_id="event-live-1",
        lesson_id="lesson-live-3",
        title="Folds and Feelings",
        pass_percentage=75,
        questions=(
            SampleQuestion(
                "What do folds do for the dough?",
                ("They give it strength", "They cool it", "They remove its acidity"),
                right=(1,),
            ),
            SampleQuestion(
                "How long does the dough rest between two folds?",
                ("Five minutes", "Half an hour", "Half a day"),
                right=(2,),
            ),
            SampleQuestion(
                "When is it time to stop folding?",
                (
                    "When the dough tears at once",
                    "When the dough holds its shape",
                    "When the dough fills the jar",
                    "When the oven is hot",
                ),
                right=(2,),
            ),
            SampleQuestion(
                "What keeps the dough from sticking to your hand?",
                ("Wet fingers", "A handful of flour", "Oil and patience", "Cold butter"),
                right=(1,),
            ),
        ),
    ),
    SampleQuiz(
        id="quiz-live-4",
        event_id="event-live-1",
        lesson_id="lesson-live-4",
        title="Patience, Measured",
        questions=(
            SampleQuestion(
                "A warm kitchen makes bulk fermentation...",
                ("shorter", "longer", "neither shorter nor longer"),
                right=(1,),
            ),
            SampleQuestion(
                "Why does the shaped loaf spend the night in the fridge?",
                (
                    "To gain flavour",
                    "To lose its salt",
                    "To be easier to score",
                    "To become twice as heavy",
                ),
                right=(1, 3),
            ),
        ),
    ),
)
