"""The schema of content, step by step."""

from pathlib import Path

from services.content.models import TABLES
from services.kit.storage.migrations import Migrations

MIGRATIONS = Migrations("content", Path(__file__).parent, TABLES)
