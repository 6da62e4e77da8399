"""`python -m services.quiz`: run the kit's command line with the parts of quiz."""

import sys

from services.kit.maintenance.command_line import Seeder, Service, main
from services.quiz import seed
from services.quiz.config import read_settings
from services.quiz.content import content_of
from services.quiz.follow import follow
from services.quiz.integrity import examination
from services.quiz.migrations import MIGRATIONS

SERVICE = Service(
    name="quiz",
    app="services.quiz.app:create_app()",
    read_settings=read_settings,
    migrations=MIGRATIONS,
    seeder=Seeder(seed.SETS, seed.seed_database),
    examination=lambda settings: examination(content_of(settings)),
    follow=follow,
)

if __name__ == "__main__":
    sys.exit(main(SERVICE))
