"""The generation of an event's look, for admins."""

from functools import partial

from falcon.asgi import Request, Response

from services.content.branding.generator import Generator
from services.content.branding.rules import Brief
from services.content.entities import Event, Generation
from services.content.errors import BrandingProviderFailed, BrandingProviderInvalid, EventChanged, EventNotFound
from services.content.resources.resource import ContentResource
from services.content.schemas.branding import BrandingRequest, BrandingView, branding_view
from services.content.service.content import ContentService
from services.kit.storage.use_cases import UseCases
from services.kit.web.documents import admin_idempotency_key, read_document, write_stored_response
from services.kit.web.entity_tags import entity_tag
from services.kit.web.idempotency import IdempotencyKey, StoredResponse, stored_response
from services.kit.web.operations import Operation
from services.kit.web.schemas import Item, validated


class EventBranding(ContentResource):
    """/api/events/{event_id}/branding/generate."""

    def __init__(self, service: ContentService, use_cases: UseCases, generator: Generator):
        super().__init__(service, use_cases)
        self._replay = use_cases.replay
        self._generator = generator

    @Operation(
        id="generateBranding",
        body=BrandingRequest,
        response=Item[BrandingView],
        errors=(EventNotFound, EventChanged, BrandingProviderInvalid, BrandingProviderFailed),
        takes_idempotency_key=True,
        gives_entity_tag=True,
    )
    async def on_post(self, request: Request, response: Response, event_id: str) -> None:
        """Generate an event's look from a prompt, and write it to the event.

        The provider `gemini` or `openai` is asked up to three times. When it gives no look, or the installation has no
        key for it, the look is a fallback that needs no network, unless fallbackOnError is false.
        """
        document = await read_document(request)
        body = validated(BrandingRequest, document)
        self._generator.require_provider(body.provider)
        key = admin_idempotency_key(request, document)
        stored = None if key is None else await self._replay(key)
        write_stored_response(response, stored or await self._generate(event_id, body, key))

    async def _generate(self, event_id: str, body: BrandingRequest, key: IdempotencyKey | None) -> StoredResponse:
        event = await self._run(self._service.events.get, event_id)
        # Neither a thread nor a transaction waits for the provider.
        generation = await self._generator.generate(
            event, Brief(body.prompt, body.style_hint), body.provider, fallback_on_error=body.fallback_on_error
        )
        write = partial(self._service.events.brand, event, generation.branding)
        return await self._run_once(key, write, partial(_generated, generation))


def _generated(generation: Generation, event: Event) -> StoredResponse:
    return stored_response({"item": branding_view(event, generation)}, 200, entity_tag(event))
