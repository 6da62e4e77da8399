"""The yardstick of the trade: the same catalog and the same durable submit on FastAPI and SQLAlchemy 2 async."""

import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Literal

from database import Attempt, Event, Lesson, Question, Quiz, open_sessions
from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

app = FastAPI()
new_session = open_sessions()


async def session() -> AsyncIterator[AsyncSession]:
    async with new_session() as opened:
        yield opened


Session = Annotated[AsyncSession, Depends(session)]


class EventView(BaseModel):
    id: str
    slug: str
    title: str
    description: str
    longDescription: str
    visibility: str


class LessonView(BaseModel):
    id: str
    slug: str
    title: str
    description: str
    videoProvider: str
    videoId: str | None
    releaseAt: datetime
    expiresAt: datetime | None
    status: Literal["released", "locked", "expired"]


class CatalogView(BaseModel):
    event: EventView
    items: list[LessonView]
    serverTime: datetime


class Answer(BaseModel):
    questionId: str
    optionId: str


class Submission(BaseModel):
    answers: list[Answer]


class GradedAnswer(BaseModel):
    questionId: str
    submittedOptionId: str | None
    correctOptionId: str
    isCorrect: bool


class ResultView(BaseModel):
    quizId: str
    totalQuestions: int
    correctAnswers: int
    scorePercentage: int
    passed: bool
    answers: list[GradedAnswer]
    submittedAt: datetime


@app.post("/api/public/events/{slug}/catalog", response_model=CatalogView)
async def catalog(slug: str, session: Session) -> CatalogView:
    event = await session.scalar(select(Event).where(Event.slug == slug, Event.visibility == "public"))
    if event is None:
        raise HTTPException(404, "Event not found")
    lessons = await session.scalars(
        select(Lesson).where(Lesson.event_id == event.id).order_by(Lesson.release_at, Lesson.id)
    )
    now = datetime.now(UTC)
    return CatalogView(
        event=EventView(
            id=event.id,
            slug=event.slug,
            title=event.title,
            description=event.description,
            longDescription=event.long_description,
            visibility=event.visibility,
        ),
        items=[lesson_view(lesson, now) for lesson in lessons],
        serverTime=now,
    )


def lesson_view(lesson: Lesson, now: datetime) -> LessonView:
    status = lesson_status(lesson, now)
    return LessonView(
        id=lesson.id,
        slug=lesson.slug,
        title=lesson.title,
        description=lesson.description,
        videoProvider=lesson.video_provider,
        videoId=lesson.video_id if status == "released" else None,
        releaseAt=lesson.release_at.replace(tzinfo=UTC),
        expiresAt=lesson.expires_at.replace(tzinfo=UTC) if lesson.expires_at else None,
        status=status,
    )


def lesson_status(lesson: Lesson, now: datetime) -> Literal["released", "locked", "expired"]:
    if now < lesson.release_at.replace(tzinfo=UTC):
        return "locked"
    if lesson.expires_at and lesson.expires_at.replace(tzinfo=UTC) <= now:
        return "expired"
    return "released"


@app.post("/api/public/events/{slug}/lessons/{lesson_slug}/quiz/submit", response_model=ResultView)
async def submit(slug: str, lesson_slug: str, submission: Submission, session: Session) -> ResultView:
    now = datetime.now(UTC)
    found = await session.execute(
        select(Lesson, Quiz)
        .join(Event, Lesson.event_id == Event.id)
        .join(Quiz, Quiz.lesson_id == Lesson.id)
        .where(Event.slug == slug, Event.visibility == "public", Lesson.slug == lesson_slug)
        .options(selectinload(Quiz.questions).selectinload(Question.options))
    )
    row = found.first()
    if row is None:
        raise HTTPException(404, "Quiz not found")
    lesson, quiz = row
    if lesson_status(lesson, now) != "released":
        raise HTTPException(403, "Lesson is not available")
    chosen = {answer.questionId: answer.optionId for answer in submission.answers}
    graded = []
    for question in quiz.questions:
        right = next(option.id for option in question.options if option.is_correct)
        mine = chosen.get(question.id)
        graded.append(
            GradedAnswer(questionId=question.id, submittedOptionId=mine, correctOptionId=right, isCorrect=mine == right)
        )
    correct = sum(answer.isCorrect for answer in graded)
    score = round(100 * correct / len(graded))
    session.add(
        Attempt(
            id=str(uuid.uuid4()),
            quiz_id=quiz.id,
            answers=json.dumps([answer.model_dump() for answer in graded]),
            correct_answers=correct,
            score_percentage=score,
            submitted_at=now,
        )
    )
    result = ResultView(
        quizId=quiz.id,
        totalQuestions=len(graded),
        correctAnswers=correct,
        scorePercentage=score,
        passed=score >= quiz.pass_percentage,
        answers=graded,
        submittedAt=now,
    )
    await session.commit()
    return result
