"""The services behind the gateway, the memories of their responses, and the batches of submissions."""

import asyncio
from dataclasses import dataclass
from typing import Literal

from gateway.batches import SubmissionBatches
from gateway.config import Settings
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


def connect(settings: Settings, revocations: Revocations) -> Upstreams:
    """Make pools for the services, without a connection before the first call."""
    addresses = {"content": settings.content_url, "quiz": settings.quiz_url, "auth": settings.auth_url}
    content, quiz, auth = (
        open_upstream(name, address, settings.service_secret, settings.upstream_timeout_seconds)
        for name, address in addresses.items()
    )
    return upstreams_over(content, quiz, auth, settings, revocations)


def upstreams_over(
    content: Upstream, quiz: Upstream, auth: Upstream, settings: Settings, revocations: Revocations
) -> Upstreams:
    """Return the services with their memories and batches."""
    memory = ContentMemory(content, revocations, settings.cache_bytes, settings.cache_stale_seconds)
    submissions = SubmissionBatches(quiz, settings.upstream_timeout_seconds)
    return Upstreams(content, quiz, auth, memory, QuizMemory(quiz, settings.cache_bytes), submissions)
