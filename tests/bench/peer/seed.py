"""Creates the peer's tables, and the rows that standard input lists as JSON: {table: [row, ...]}."""

import asyncio
import json
import sys
from datetime import UTC, datetime
from typing import Any

import database
from sqlalchemy import DateTime


async def main() -> None:
    rows: dict[str, list[dict[str, Any]]] = json.load(sys.stdin)
    engine = database.open_engine()
    async with engine.begin() as connection:
        await connection.run_sync(database.Base.metadata.create_all)
        for name, listed in rows.items():
            table = database.Base.metadata.tables[name]
            instants = [column.name for column in table.columns if isinstance(column.type, DateTime)]
            for row in listed:
                row.update({name: instant(row[name]) for name in instants if row.get(name)})
            await connection.execute(table.insert(), listed)
    await engine.dispose()


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)


asyncio.run(main())
