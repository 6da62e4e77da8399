"""The event that is over: every lesson has closed."""

from datetime import timedelta

from services.content.seed.samples import SampleEvent, SampleLesson, SampleMaterial

WATERCOLOUR = SampleEvent(
    id="event-over-1",
    title="Watercolour in Six Evenings",
    slug="watercolour-in-six-evenings",
    summary="Six evenings, six small paintings, and a brush that finally does what you meant.",
    story=(
        "Watercolour punishes hesitation and forgives almost everything else. Each evening takes one habit of water, "
        "lets you spoil three sheets of paper with it, and ends with a painting that you keep."
    ),
    visibility="public",
    announced=timedelta(days=-120),
    hero=("Let the water work", "No talent required, only paper you do not mind losing.", "See the evenings"),
    colors=("#f7f3ea", "#26323a", "#2f7fb5"),
    lessons=(
        SampleLesson(
            id="lesson-over-1",
            title="How Wet Is Wet?",
            slug="how-wet-is-wet",
            description="Four states of paper, told apart by the way the light lies on them.",
            opens=timedelta(days=-28),
            closes=timedelta(days=-14),
            video=("vimeo", "684120937"),
            materials=(
                SampleMaterial(id="material-over-1", file_name="shopping-list.txt", kibibytes=3),
                SampleMaterial(id="material-over-2", file_name="wetness-chart.png", kibibytes=1210),
            ),
        ),
        SampleLesson(
            id="lesson-over-2",
            title="Flat Washes and Honest Edges",
            slug="flat-washes",
            description="A sky without stripes: one bead of paint, carried down the sheet before it can dry.",
            opens=timedelta(days=-26),
            closes=timedelta(days=-13),
            video=("vimeo", "684121553"),
        ),
        SampleLesson(
            id="lesson-over-3",
            title="Three Pigments, Every Colour",
            slug="three-pigments",
            description="Mix a whole landscape from one warm red, one cool yellow and one blue.",
            opens=timedelta(days=-24),
            closes=timedelta(days=-12),
            video=("vimeo", "684122018"),
            materials=(SampleMaterial(id="material-over-3", file_name="mixing-wheel.pdf", kibibytes=655),),
        ),
        SampleLesson(
            id="lesson-over-4",
            title="Painting What Is Not There",
            slug="negative-painting",
            description="White flowers without white paint: darken what is behind them and stop in time.",
            opens=timedelta(days=-22),
            closes=timedelta(days=-11),
            video=("vimeo", "684122790"),
        ),
        SampleLesson(
            id="lesson-over-5",
            title="Lifting, Scraping, Rescuing",
            slug="lifting-and-rescuing",
            description="What a damp brush, a blunt knife and some patience can still save.",
            opens=timedelta(days=-20),
            closes=timedelta(days=-10),
            video=("vimeo", "684123344"),
        ),
        SampleLesson(
            id="lesson-over-6",
            title="A Harbour at Dusk",
            slug="harbour-at-dusk",
            description="The last evening: one picture from first wash to signature, with all its accidents.",
            opens=timedelta(days=-18),
            closes=timedelta(days=-7),
            video=("vimeo", "684124106"),
            materials=(
                SampleMaterial(id="material-over-4", file_name="harbour-reference.jpg", kibibytes=3480),
                SampleMaterial(id="material-over-5", file_name="harbour-outline.pdf", kibibytes=290),
            ),
        ),
    ),
)
