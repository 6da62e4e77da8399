"""The admin that the settings name. A second run finds the name taken and changes nothing, not even the password."""

import peewee

from services.auth.config import Settings
from services.auth.errors import UsernameTaken
from services.auth.repository import PeeweeAuthStore
from services.auth.service import AuthService

SETS = ("minimal", "demo")
ADMIN_ID = "admin-1"


def plant(database: peewee.Database, settings: Settings, name: str) -> dict[str, int]:
    """Add the admin of ADMIN_USERNAME and ADMIN_PASSWORD unless there is one; both sets are the same here."""
    store = PeeweeAuthStore(database)
    service = AuthService(store, settings.access_token_lifetime, settings.signing_key_secret)
    # The first one has an id that every installation agrees on.
    admin_id = ADMIN_ID if store.admins.count() == 0 else None
    try:
        service.create_admin(settings.admin_username, settings.admin_password, admin_id)
    except UsernameTaken:
        return {"admins": 0}
    return {"admins": 1}
