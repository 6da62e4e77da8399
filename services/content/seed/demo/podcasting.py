"""The draft: not listed yet, and nothing of it is open."""

from datetime import timedelta

from services.content.seed.samples import SampleEvent, SampleLesson, SampleMaterial

PODCASTING = SampleEvent(
    id="event-draft-1",
    title="A Podcast From Your Kitchen Table",
    slug="podcast-from-your-kitchen-table",
    summary="Plan, record and publish a first season of six episodes, between breakfast and work.",
    story="To be written: who it is for, what they have after four weeks, what it costs them in time.",
    visibility="public",
    is_active=False,
    announced=timedelta(days=-35),
    hero=("Say it out loud", "Six episodes before the summer.", "Get notified"),
    colors=("#1f1633", "#f4effc", "#f97362"),
    lessons=(
        SampleLesson(
            id="lesson-draft-1",
            title="One Listener, One Promise",
            slug="one-listener-one-promise",
            description="Describe the person who will miss your show when it stops.",
            opens=timedelta(days=45),
            video=("youtube", "p0dL1st3n_1"),
            materials=(SampleMaterial(id="material-draft-1", file_name="season-planner.pdf", kibibytes=220),),
        ),
        SampleLesson(
            id="lesson-draft-2",
            title="A Quiet Room Is Made of Blankets",
            slug="a-quiet-room",
            description="Sound that does not tire the ear, with one microphone and what is in your cupboard.",
            opens=timedelta(days=52),
            video=("youtube", "qU1etR00mB4"),
        ),
        SampleLesson(
            id="lesson-draft-3",
            title="Cut Until It Breathes",
            slug="cut-until-it-breathes",
            description="Editing by ear: what to take out, and the pauses that have to stay.",
            opens=timedelta(days=59),
            video=("youtube", "cU7br3aTh-e"),
        ),
        SampleLesson(
            id="lesson-draft-4",
            title="Publish, Then Rest",
            slug="publish-then-rest",
            description="Feeds, artwork and show notes in one sitting, and a schedule that survives a bad week.",
            opens=timedelta(days=66),
            closes=timedelta(days=120),
            video=("youtube", "pUb1r3sT_9m"),
        ),
    ),
)
