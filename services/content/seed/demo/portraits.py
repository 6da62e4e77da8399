"""The private event: its lessons are in all three states."""

from datetime import timedelta

from services.content.seed.samples import SampleEvent, SampleLesson, SampleMaterial

PORTRAITS = SampleEvent(
    id="event-private-2",
    title="Portraits by Window Light",
    slug="portraits-by-window-light",
    summary="A closed class of thirty photographers, one window and no flash.",
    story=(
        "For those who own a camera and are tired of lucky shots. You photograph one person for three weeks, always "
        "by the same window, and learn to place light, hands and silence on purpose."
    ),
    visibility="private",
    access_key="softlight2026",
    announced=timedelta(days=-45),
    hero=("See the light first", "Three weeks, one window, one face.", "Enter the class"),
    colors=("#1a1a1f", "#ececf1", "#c9a227"),
    lessons=(
        SampleLesson(
            id="lesson-private-2",
            title="Finding Your Window",
            slug="finding-your-window",
            description="North or south, curtain or none: an hour-by-hour walk through one ordinary room.",
            opens=timedelta(days=-12),
            closes=timedelta(days=-4),
            video=("vimeo", "752048816"),
            materials=(SampleMaterial(id="material-private-1", file_name="light-diary.pdf", kibibytes=310),),
        ),
        SampleLesson(
            id="lesson-private-3",
            title="Where the Shadow Falls",
            slug="where-the-shadow-falls",
            description="Four classic patterns of light on a face, made by moving only the chair.",
            opens=timedelta(days=-8),
            video=("vimeo", "752049371"),
            materials=(SampleMaterial(id="material-private-2", file_name="four-patterns.jpg", kibibytes=4120),),
        ),
        SampleLesson(
            id="lesson-private-4",
            title="Talking to a Face",
            slug="talking-to-a-face",
            description="What to say, when to say nothing, and why the best frame comes after you lower the camera.",
            opens=timedelta(days=-3),
            closes=timedelta(days=11),
            video=("vimeo", "752050024"),
        ),
        SampleLesson(
            id="lesson-private-5",
            title="Hands, Collars and Other Troubles",
            slug="hands-and-collars",
            description="The small things that spoil a good portrait, and a checklist to see them in time.",
            opens=timedelta(days=2),
            video=("vimeo", "752050698"),
        ),
        SampleLesson(
            id="lesson-private-6",
            title="From Two Hundred to Ten",
            slug="from-two-hundred-to-ten",
            description="Choosing is half of photography: three passes, no stars, no mercy.",
            opens=timedelta(days=5),
            video=("vimeo", "752051240"),
            materials=(SampleMaterial(id="material-private-3", file_name="practice-negatives.zip", kibibytes=22_400),),
        ),
        SampleLesson(
            id="lesson-private-7",
            title="Review Evening",
            slug="review-evening",
            description="Everyone shows one print. Bring the one that you are least sure of.",
            opens=timedelta(days=9),
            closes=timedelta(days=23),
            video=("gemini_stream", "portraits-review-evening"),
        ),
    ),
)
