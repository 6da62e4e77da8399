"""The first admin. A second run finds the name taken and changes nothing, not even a password that has moved on."""

import peewee

from services.auth.config import Settings
from services.auth.errors import UsernameTaken
from services.auth.models import TABLES
from services.auth.repository import PeeweeAuthStore
from services.auth.service import AuthService
from services.kit.database import transaction

SETS = ("minimal", "demo")
ADMIN_ID = "admin-1"


def plant(database: peewee.Database, settings: Settings, name: str) -> dict[str, int]:
    """Add the admin of ADMIN_USERNAME and ADMIN_PASSWORD unless there is one; both sets are the same here."""
    service = AuthService(PeeweeAuthStore(database), settings.access_token_lifetime)
    try:
        service.create_admin(settings.admin_username, settings.admin_password, ADMIN_ID)
    except (UsernameTaken, peewee.IntegrityError):
        return {"admins": 0}
    return {"admins": 1}


def clear(database: peewee.Database) -> None:
    """Delete every row of auth; keys too, so that old tokens end with it."""
    with transaction(database):
        for table in reversed(TABLES):
            table.delete().execute(database)
