"""The tables of content. The models are bound to no database: the repository passes one to each query."""

from typing import Any, get_args

import peewee
from peewee import SQL, BigIntegerField, BooleanField, Check, ForeignKeyField, IntegerField, TextField

from services.content.entities import (
    MAXIMUM_MATERIAL_BYTES,
    ChangeAction,
    ChangedKind,
    MimeType,
    VideoProvider,
    Visibility,
)
from services.kit.storage.audit.model import AuditRow
from services.kit.storage.database import InstantField
from services.kit.storage.idempotency import IdempotentResponseRow
from services.kit.storage.seed_mark import SeedMarkRow


def _one_of(column: str, values: Any) -> str:
    return f"{column} IN (" + ", ".join(f"'{value}'" for value in get_args(values)) + ")"


class EventRow(peewee.Model):
    """An event; its columns are the fields of entities.Event, its slug's normal form, and what searches look into."""

    id = TextField(primary_key=True)
    title = TextField()
    slug = TextField(unique=True)
    short_description = TextField()
    long_description = TextField()
    is_active = BooleanField()
    visibility = TextField()
    access_key = TextField(null=True)
    hero_title = TextField()
    hero_subtitle = TextField()
    hero_cta_text = TextField()
    background_color = TextField()
    text_color = TextField()
    accent_color = TextField()
    logo_url = TextField(null=True)
    highlight_video_url = TextField(null=True)
    branding_provider = TextField(null=True)
    branding_prompt_version = TextField(null=True)
    branding_generated_at = InstantField(null=True)
    created_at = InstantField()
    updated_at = InstantField()
    version = IntegerField(default=1, constraints=[SQL("DEFAULT 1")])
    # Null where the release before wrote the row; its place among the events of the same instant is then 0.
    slug_form = TextField(null=True, index=True)
    position = IntegerField(default=0, constraints=[SQL("DEFAULT 0")])
    # Empty where the release before wrote the row.
    search_form = TextField(default="", constraints=[SQL("DEFAULT ''")])

    class Meta:
        table_name = "events"
        legacy_table_names = False
        indexes = ((("created_at", "position", "id"), False), (("search_form", "id"), False))
        constraints = (
            Check(_one_of("visibility", Visibility), name="events_visibility"),
            Check("slug <> ''", name="events_slug_not_empty"),
        )


class LessonRow(peewee.Model):
    """A lesson; its columns are the fields of entities.Lesson, its slug's normal form, and what searches look into."""

    id = TextField(primary_key=True)
    event = ForeignKeyField(EventRow, on_delete="CASCADE", index=False)
    title = TextField()
    description = TextField()
    slug = TextField()
    video_provider = TextField()
    video_id = TextField()
    release_at = InstantField()
    expires_at = InstantField(null=True)
    created_at = InstantField()
    updated_at = InstantField()
    version = IntegerField(default=1, constraints=[SQL("DEFAULT 1")])
    slug_form = TextField(null=True)
    search_form = TextField(default="", constraints=[SQL("DEFAULT ''")])

    class Meta:
        table_name = "lessons"
        legacy_table_names = False
        indexes = (
            (("event", "slug"), True),
            (("event", "slug_form"), False),
            (("event", "release_at", "created_at", "id"), False),
            (("event", "search_form", "id"), False),
        )
        constraints = (
            Check("expires_at IS NULL OR expires_at > release_at", name="lessons_window"),
            Check(_one_of("video_provider", VideoProvider), name="lessons_video_provider"),
            Check("slug <> ''", name="lessons_slug_not_empty"),
        )


class MaterialRow(peewee.Model):
    """A material; its columns are the fields of entities.Material."""

    id = TextField(primary_key=True)
    lesson = ForeignKeyField(LessonRow, on_delete="CASCADE", index=False)
    file_name = TextField()
    mime_type = TextField()
    size_bytes = IntegerField()
    download_url = TextField()
    position = IntegerField()
    created_at = InstantField()

    class Meta:
        table_name = "materials"
        legacy_table_names = False
        indexes = ((("lesson", "position"), True),)
        constraints = (
            Check(f"size_bytes BETWEEN 1 AND {MAXIMUM_MATERIAL_BYTES}", name="materials_size_bytes"),
            Check(_one_of("mime_type", MimeType), name="materials_mime_type"),
            Check("position >= 1", name="materials_position"),
        )


class FormerEventSlugRow(peewee.Model):
    """The normal form of a slug that an event had before, until another event takes it."""

    id = TextField(primary_key=True)
    event = ForeignKeyField(EventRow, on_delete="CASCADE")
    slug_form = TextField(unique=True)

    class Meta:
        table_name = "former_event_slugs"
        legacy_table_names = False
        survives_rollbacks = True


class FormerLessonSlugRow(peewee.Model):
    """The normal form of a slug that a lesson had before, until another lesson of its event takes it."""

    id = TextField(primary_key=True)
    event = ForeignKeyField(EventRow, on_delete="CASCADE", index=False)
    lesson = ForeignKeyField(LessonRow, on_delete="CASCADE")
    slug_form = TextField()

    class Meta:
        table_name = "former_lesson_slugs"
        legacy_table_names = False
        survives_rollbacks = True
        indexes = ((("event", "slug_form"), True),)


class ChangeRow(peewee.Model):
    """An entry of the change feed; its columns are the fields of entities.Change."""

    # Counted in the row of `change_feed`, not by a sequence: the order of the numbers is the order of the commits.
    sequence = BigIntegerField(primary_key=True)
    kind = TextField()
    action = TextField()
    event_id = TextField()
    lesson_id = TextField(null=True)
    material_id = TextField(null=True)
    version = IntegerField()
    occurred_at = InstantField(index=True)

    class Meta:
        table_name = "changes"
        legacy_table_names = False
        constraints = (
            Check(_one_of("kind", ChangedKind), name="changes_kind"),
            Check(_one_of("action", ChangeAction), name="changes_action"),
        )


class ChangeFeedRow(peewee.Model):
    """The single row with the feed's id, its last number and the number up to which it is pruned."""

    id = IntegerField(primary_key=True)
    feed_id = TextField()
    last_sequence = BigIntegerField()
    pruned_through = BigIntegerField()

    class Meta:
        table_name = "change_feed"
        legacy_table_names = False
        constraints = (
            Check("id = 1", name="change_feed_one_row"),
            Check("pruned_through BETWEEN 0 AND last_sequence", name="change_feed_pruned_through"),
        )


class FeedReaderRow(peewee.Model):
    """A service that follows the feed and has processed everything up to `position`."""

    name = TextField(primary_key=True)
    position = BigIntegerField()
    seen_at = InstantField()

    class Meta:
        table_name = "feed_readers"
        legacy_table_names = False


class ReplacedKeyRow(peewee.Model):
    """The keyed digest of an event's access key that was replaced; the digest covers the event's id."""

    digest = TextField(primary_key=True)
    replaced_at = InstantField(index=True)

    class Meta:
        table_name = "replaced_keys"
        legacy_table_names = False


TABLES = (
    *(EventRow, LessonRow, MaterialRow, ReplacedKeyRow, FormerEventSlugRow, FormerLessonSlugRow),
    *(ChangeRow, ChangeFeedRow, FeedReaderRow),
    *(IdempotentResponseRow, SeedMarkRow, AuditRow),
)
