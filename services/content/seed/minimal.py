"""The smallest installation that shows both kinds of event."""

from datetime import timedelta

from services.content.seed.samples import SampleEvent, SampleLesson, SampleMaterial

MINIMAL = (
    SampleEvent(
        id="event-public-1",
        title="Launch Your First Product",
        slug="flix-mvp-launch-event",
        summary="From a rough idea to a first version that strangers pay for.",
        story=(
            "You have an idea and too little time. In this launch we cut it down to the one promise that matters, "
            "build only that, and put it in front of people who do not know you."
        ),
        visibility="public",
        announced=timedelta(days=-150),
        hero=("Ship it this month", "A short course for people who have planned long enough.", "Start the kickoff"),
        colors=("#111111", "#f5f5f5", "#e50914"),
        lessons=(
            SampleLesson(
                id="lesson-public-1",
                title="Kickoff: What Your First Version Must Do",
                slug="kickoff-do-mvp",
                description="Choose one promise, strike out the rest, and set the date on which you show it.",
                opens=timedelta(days=-7),
                video=("youtube", "fLx7Kq2MvPa"),
                materials=(
                    SampleMaterial(id="material-public-1", file_name="first-version-canvas.pdf", kibibytes=840),
                ),
            ),
        ),
    ),
    SampleEvent(
        id="event-private-1",
        title="Growth Intensive",
        slug="flix-growth-intensive",
        summary="For founders whose product sells, and who want it to sell without them.",
        story=(
            "A closed group for those who have finished their first launch. We look at where customers come from, "
            "why they stay, and which single change would double either."
        ),
        visibility="private",
        access_key="growth2026",
        announced=timedelta(days=-149),
        hero=("Grow on purpose", "Measure, choose one lever, pull it.", "Open the playbook"),
        colors=("#0b1f2a", "#eef6f8", "#27c499"),
        lessons=(
            SampleLesson(
                id="lesson-private-1",
                title="The Growth Playbook",
                slug="growth-playbook",
                description="Four questions to ask of your numbers every Monday, and what to do with the answers.",
                opens=timedelta(days=-7),
                video=("vimeo", "731904582"),
            ),
        ),
    ),
)
