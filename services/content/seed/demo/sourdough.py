"""The event that is live now: one lesson has closed, some are open, one of them only tonight, the rest will follow."""

from datetime import timedelta

from services.content.seed.samples import SampleEvent, SampleLesson, SampleMaterial

SOURDOUGH = SampleEvent(
    id="event-live-1",
    title="Sourdough From Scratch",
    slug="sourdough-from-scratch",
    summary="Flour, water, salt and ten days: from an empty jar to a loaf with an open crumb.",
    story=(
        "Most recipes fail because they give hours where dough needs signs. This launch teaches you to read a starter, "
        "a dough and a crust, so that the same bread works in your kitchen, in winter, with the flour you have."
    ),
    visibility="public",
    announced=timedelta(days=-60),
    hero=("Your first real loaf", "Bake along with us this week.", "Join the bake"),
    colors=("#2b1d12", "#fbf1e3", "#d98a3d"),
    lessons=(
        SampleLesson(
            id="lesson-live-1",
            title="Warm-Up: Set Up Your Jar",
            slug="set-up-your-jar",
            description="Mix flour and water today, or you will have nothing to bake with next week.",
            opens=timedelta(days=-9),
            closes=timedelta(days=-2),
            video=("youtube", "sD4r7JarQ0x"),
            materials=(SampleMaterial(id="material-live-1", file_name="feeding-calendar.pdf", kibibytes=180),),
        ),
        SampleLesson(
            id="lesson-live-2",
            title="Reading a Starter",
            slug="reading-a-starter",
            description="Smell, dome and float: three signs that say more than the clock.",
            opens=timedelta(days=-5),
            video=("youtube", "k2StRtr81Lw"),
            materials=(SampleMaterial(id="material-live-2", file_name="starter-signs.png", kibibytes=2140),),
        ),
        SampleLesson(
            id="lesson-live-3",
            title="Mixing and Folding",
            slug="mixing-and-folding",
            description="Strength without kneading: four folds, half an hour apart, and what each should feel like.",
            opens=timedelta(days=-3),
            video=("youtube", "Fo1dNg5_tQe"),
        ),
        SampleLesson(
            id="lesson-live-4",
            title="The Long Rest",
            slug="the-long-rest",
            description="Bulk fermentation by volume and touch, and why the fridge is your second oven.",
            opens=timedelta(days=-1),
            video=("youtube", "Rst9hWz-3bU"),
            materials=(
                SampleMaterial(id="material-live-3", file_name="temperature-table.pdf", kibibytes=96),
                SampleMaterial(id="material-live-4", file_name="baking-log.txt", kibibytes=2),
            ),
        ),
        SampleLesson(
            id="lesson-live-5",
            title="Bake Along, Live",
            slug="bake-along",
            description="We shape, score and bake together. Open during the broadcast and a little after it.",
            opens=timedelta(minutes=-20),
            closes=timedelta(hours=5),
            video=("gemini_stream", "sourdough-bake-along"),
            materials=(SampleMaterial(id="material-live-5", file_name="scoring-patterns.pdf", kibibytes=430),),
        ),
        SampleLesson(
            id="lesson-live-6",
            title="Crumb Clinic",
            slug="crumb-clinic",
            description="Send a photograph of your slice; we cut into the ten most instructive failures.",
            opens=timedelta(days=1),
            video=("youtube", "cRm8Cl1n1cY"),
        ),
        SampleLesson(
            id="lesson-live-7",
            title="Beyond White: Rye, Spelt and Seeds",
            slug="rye-spelt-and-seeds",
            description="How thirsty flours change the dough, and a rye loaf that needs no shaping at all.",
            opens=timedelta(days=3),
            closes=timedelta(days=30),
            video=("youtube", "rY3sPe1tZ7o"),
        ),
    ),
)
