"""The wire: request bodies as New..., ...Update and ...Query, response bodies as ...View, which list every field."""
