"""`python -m services.content`: run the kit's command line with the parts of content."""

import sys

from services.content import seed
from services.content.config import read_settings
from services.content.integrity import examination
from services.content.migrations import MIGRATIONS
from services.kit.maintenance.command_line import Seeder, Service, main

SERVICE = Service(
    name="content",
    app="services.content.app:create_app()",
    read_settings=read_settings,
    migrations=MIGRATIONS,
    seeder=Seeder(seed.SETS, seed.seed_database),
    examination=lambda settings: examination(),
)

if __name__ == "__main__":
    sys.exit(main(SERVICE))
