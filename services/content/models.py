"""Content's tables. A model is not bound to a database: the repository says where each query runs."""

from typing import Any, get_args

import peewee
from peewee import BooleanField, Check, ForeignKeyField, IntegerField, TextField

from services.content.entities import MAXIMUM_MATERIAL_BYTES, MimeType, VideoProvider, Visibility
from services.kit.database import InstantField


def _one_of(column: str, values: Any) -> str:
    return f"{column} IN (" + ", ".join(f"'{value}'" for value in get_args(values)) + ")"


class EventRow(peewee.Model):
    """An event; the columns are the fields of entities.Event, in their order."""

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

    class Meta:
        table_name = "events"
        legacy_table_names = False
        indexes = ((("created_at", "id"), False),)
        constraints = (
            Check(_one_of("visibility", Visibility), name="events_visibility"),
            Check("slug <> ''", name="events_slug_not_empty"),
        )


class LessonRow(peewee.Model):
    """A lesson; the columns are the fields of entities.Lesson, in their order."""

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

    class Meta:
        table_name = "lessons"
        legacy_table_names = False
        indexes = (
            (("event", "slug"), True),
            (("event", "release_at", "created_at", "id"), False),
        )
        constraints = (
            Check("expires_at IS NULL OR expires_at > release_at", name="lessons_window"),
            Check(_one_of("video_provider", VideoProvider), name="lessons_video_provider"),
            Check("slug <> ''", name="lessons_slug_not_empty"),
        )


class MaterialRow(peewee.Model):
    """A material; the columns are the fields of entities.Material, in their order."""

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
            Check(
                _one_of("mime_type", MimeType),
                name="materials_mime_type",
            ),
            Check("position >= 1", name="materials_position"),
        )


TABLES = (EventRow, LessonRow, MaterialRow)
