"""The folders of an installation, in the one where it was started."""

from pathlib import Path

DATA = Path("data")
LOGS = DATA / "logs"
BACKUPS = DATA / "backups"
