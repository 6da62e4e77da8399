"""The schema of auth, step by step."""

from pathlib import Path

from services.auth.models import TABLES
from services.kit.storage.migrations import Migrations

MIGRATIONS = Migrations("auth", Path(__file__).parent, TABLES)
