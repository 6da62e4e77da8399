"""Events, lessons and materials."""

from peewee import BooleanField, Check, ForeignKeyField, IntegerField, Model, TextField

from services.kit.database import InstantField


def migrate(migrator, database, *, fake=False):
    @migrator.create_model
    class EventRow(Model):
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
                Check("visibility IN ('public', 'private')", name="events_visibility"),
                Check("slug <> ''", name="events_slug_not_empty"),
            )

    @migrator.create_model
    class LessonRow(Model):
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
                Check("video_provider IN ('youtube', 'vimeo', 'gemini_stream')", name="lessons_video_provider"),
                Check("slug <> ''", name="lessons_slug_not_empty"),
            )

    @migrator.create_model
    class MaterialRow(Model):
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
                Check("size_bytes BETWEEN 1 AND 26214400", name="materials_size_bytes"),
                Check(
                    "mime_type IN ('application/pdf', 'application/zip', 'image/png', 'image/jpeg', 'text/plain')",
                    name="materials_mime_type",
                ),
                Check("position >= 1", name="materials_position"),
            )


def rollback(migrator, database, *, fake=False):
    migrator.remove_model("materials")
    migrator.remove_model("lessons")
    migrator.remove_model("events")
