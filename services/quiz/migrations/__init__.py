"""The schema of quiz, step by step."""

from pathlib import Path

from services.kit.storage.migrations import Migrations
from services.quiz.models import TABLES

MIGRATIONS = Migrations("quiz", Path(__file__).parent, TABLES)
