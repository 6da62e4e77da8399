"""The event that is about to open: its first lesson is released five minutes after the seeding."""

from datetime import timedelta

from services.content.seed.samples import SampleEvent, SampleLesson, SampleMaterial

DATA_ANALYSIS = SampleEvent(
    id="event-opening-1",
    title="Data Analysis for Curious People",
    slug="data-analysis-for-curious-people",
    summary="Ask a question of a spreadsheet, get an answer that you can defend.",
    story=(
        "You need no mathematics beyond school and no software beyond what you have. Over two weeks we take one "
        "messy table about bicycle traffic, clean it, question it and draw it, until it admits what it knows."
    ),
    visibility="public",
    announced=timedelta(days=-40),
    hero=("Doors open in minutes", "Bring a question; we bring the numbers.", "Wait with us"),
    colors=("#0f172a", "#e2e8f0", "#38bdf8"),
    lessons=(
        SampleLesson(
            id="lesson-opening-1",
            title="Better Questions Than Averages",
            slug="better-questions",
            description="How to turn a hunch into a question that a table can answer with no.",
            opens=timedelta(minutes=5),
            video=("youtube", "qU3sT10nAvg"),
            materials=(
                SampleMaterial(id="material-opening-1", file_name="bicycle-counts.zip", kibibytes=5300),
                SampleMaterial(id="material-opening-2", file_name="read-me-first.txt", kibibytes=4),
            ),
        ),
        SampleLesson(
            id="lesson-opening-2",
            title="Cleaning Without Lying",
            slug="cleaning-without-lying",
            description="Gaps, doubles and impossible values: what to repair, what to drop, what to write down.",
            opens=timedelta(days=1),
            video=("youtube", "cL3anDa7a_x"),
            materials=(SampleMaterial(id="material-opening-3", file_name="cleaning-checklist.pdf", kibibytes=150),),
        ),
        SampleLesson(
            id="lesson-opening-3",
            title="Middles and Spreads",
            slug="middles-and-spreads",
            description="Why the median of a street says more than its mean, and when it does not.",
            opens=timedelta(days=3),
            video=("youtube", "M1dSpr3ad5k"),
        ),
        SampleLesson(
            id="lesson-opening-4",
            title="Comparing Like With Like",
            slug="comparing-like-with-like",
            description="Rain, holidays and road works: three ways in which a fair comparison becomes an unfair one.",
            opens=timedelta(days=6),
            video=("youtube", "L1keW1thL8q"),
        ),
        SampleLesson(
            id="lesson-opening-5",
            title="Charts That Need No Speech",
            slug="charts-that-need-no-speech",
            description="One message, one chart, one second look. The rest is decoration.",
            opens=timedelta(days=9),
            video=("youtube", "cHaR7_n0Sp4"),
            materials=(SampleMaterial(id="material-opening-4", file_name="chart-gallery.pdf", kibibytes=7900),),
        ),
        SampleLesson(
            id="lesson-opening-6",
            title="Tell It to the Stack Council",
            slug="tell-it-to-the-stack-council",
            description="Present your finding in four minutes, and answer the question that will come.",
            opens=timedelta(days=13),
            closes=timedelta(days=43),
            video=("gemini_stream", "data-stack-council"),
        ),
    ),
)
