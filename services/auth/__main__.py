"""`python -m services.auth`: run the kit's command line with the parts of auth."""

import sys

from services.auth import seed
from services.auth.config import read_settings
from services.auth.integrity import examination
from services.auth.keys import COMMAND as KEYS
from services.auth.migrations import MIGRATIONS
from services.auth.users import COMMAND as USERS
from services.kit.maintenance.command_line import Seeder, Service, main

SERVICE = Service(
    name="auth",
    app="services.auth.app:create_app()",
    read_settings=read_settings,
    migrations=MIGRATIONS,
    seeder=Seeder(seed.SETS, seed.seed_database),
    examination=examination,
    commands=(KEYS, USERS),
)

if __name__ == "__main__":
    sys.exit(main(SERVICE))
