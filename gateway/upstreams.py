"""The services behind the gateway, the memories of their responses, and the batches of submissions."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from gateway.batches import SubmissionBatches
from gateway.content_memory import ContentMemory
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

    def by_name(self) -> dict[ServiceName, Upstream]:
        """Return every service by its name."""
        return {"content": self.content, "quiz": self.quiz, "auth": self.auth}

    async def close(self) -> None:
        """Close every pool."""
        await asyncio.gather(*(upstream.close() for upstream in self.by_name().values()))


def connect(
    addresses: Mapping[str, str], service_secret: str, timeout_seconds: float, revocations: Revocations
) -> Upstreams:
    """Make pools for the services `content`, `quiz` and `auth`, without a connection before the first call."""
    content, quiz, auth = (
        open_upstream(name, addresses[name], service_secret, timeout_seconds) for name in ("content", "quiz", "auth")
    )
    return upstreams_over(content, quiz, auth, timeout_seconds, revocations)


def upstreams_over(
    content: Upstream, quiz: Upstream, auth: Upstream, timeout_seconds: float, revocations: Revocations
) -> Upstreams:
    """Return the services with their memories and batches."""
    memory, submissions = ContentMemory(content, revocations), SubmissionBatches(quiz, timeout_seconds)
    return Upstreams(content, quiz, auth, memory, QuizMemory(quiz), submissions)
