"""The services behind the gateway, the memories of their responses, and the batches of submissions."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from gateway.batches import SubmissionBatches
from gateway.config import Settings
from gateway.content_memory import ContentMemory
from gateway.memory import read_version
from gateway.questions import Questions
from gateway.quiz_memory import QuizMemory
from gateway.upstream import Upstream, open_upstream
from services.kit.web.tokens.revocation import Revocations

ServiceName = Literal["content", "quiz", "auth"]


@dataclass(frozen=True)
class Upstreams:
    """The services behind the gateway; learners' reads go through the memories, their submissions in batches."""

    content: Upstream
    quiz: Upstream
    auth: Upstream
    memory: ContentMemory
    quizzes: QuizMemory
    submissions: SubmissionBatches
    questions: Sequence[Questions] = ()

    def by_name(self) -> dict[ServiceName, Upstream]:
        """Return every service by its name."""
        return {"content": self.content, "quiz": self.quiz, "auth": self.auth}

    async def close(self) -> None:
        """Close every pool."""
        for each in self.questions:
            each.close()
        await asyncio.gather(*(upstream.close() for upstream in self.by_name().values()))


def connect(settings: Settings, revocations: Revocations) -> Upstreams:
    """Make pools for the services, without a connection before the first call."""
    secret, seconds = settings.service_secret, settings.upstream_timeout_seconds
    content = open_upstream("content", settings.content_url, secret, seconds)
    quiz = open_upstream("quiz", settings.quiz_url, secret, seconds)
    auth = open_upstream("auth", settings.auth_url, secret, seconds)
    questions = Questions(content, settings.content_url, seconds), Questions(quiz, settings.quiz_url, seconds)
    return upstreams_over(content, quiz, auth, settings, revocations, questions)


def upstreams_over(
    content: Upstream,
    quiz: Upstream,
    auth: Upstream,
    settings: Settings,
    revocations: Revocations,
    questions: Sequence[Questions] = (),
) -> Upstreams:
    """Return the services with their memories and batches; without `questions` versions are asked in ordinary calls."""
    ordinary = (partial(read_version, content), partial(read_version, quiz))
    ask_content, ask_quiz = [each.version for each in questions] or ordinary
    memory = ContentMemory(content, ask_content, revocations, settings.cache_bytes, settings.cache_stale_seconds)
    quizzes = QuizMemory(quiz, ask_quiz, settings.cache_bytes)
    submissions = SubmissionBatches(quiz, settings.upstream_timeout_seconds)
    return Upstreams(content, quiz, auth, memory, quizzes, submissions, questions)
