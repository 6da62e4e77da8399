"""The peer's tables, on SQLite with the durability of the product: WAL and synchronous=FULL."""

import os
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Event(Base):
    __tablename__ = "events"

    id: Mapped[str] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    description: Mapped[str]
    long_description: Mapped[str]
    visibility: Mapped[str]


class Lesson(Base):
    __tablename__ = "lessons"
    __table_args__ = (Index("lessons_of_event", "event_id", "release_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(ForeignKey("events.id"))
    slug: Mapped[str] = mapped_column(index=True)
    title: Mapped[str]
    description: Mapped[str]
    video_provider: Mapped[str]
    video_id: Mapped[str]
    release_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]


class Quiz(Base):
    __tablename__ = "quizzes"

    id: Mapped[str] = mapped_column(primary_key=True)
    lesson_id: Mapped[str] = mapped_column(ForeignKey("lessons.id"), unique=True)
    title: Mapped[str]
    pass_percentage: Mapped[int]
    questions: Mapped[list["Question"]] = relationship(order_by="Question.position")


class Question(Base):
    __tablename__ = "questions"

    id: Mapped[str] = mapped_column(primary_key=True)
    quiz_id: Mapped[str] = mapped_column(ForeignKey("quizzes.id"), index=True)
    prompt: Mapped[str]
    position: Mapped[int]
    options: Mapped[list["Option"]] = relationship(order_by="Option.position")


class Option(Base):
    __tablename__ = "options"

    id: Mapped[str] = mapped_column(primary_key=True)
    question_id: Mapped[str] = mapped_column(ForeignKey("questions.id"), index=True)
    text: Mapped[str]
    is_correct: Mapped[bool]
    position: Mapped[int]


class Attempt(Base):
    __tablename__ = "attempts"

    id: Mapped[str] = mapped_column(primary_key=True)
    quiz_id: Mapped[str] = mapped_column(ForeignKey("quizzes.id"), index=True)
    answers: Mapped[str]
    correct_answers: Mapped[int]
    score_percentage: Mapped[int]
    submitted_at: Mapped[datetime]


def open_engine() -> AsyncEngine:
    engine = create_async_engine(f"sqlite+aiosqlite:///{os.environ['PEER_DATABASE']}")

    @event.listens_for(engine.sync_engine, "connect")
    def set_pragmas(connection: Any, _record: Any) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def open_sessions() -> async_sessionmaker[AsyncSession]:
    return async_sessionmaker(open_engine(), expire_on_commit=False)
