"""The wire: the schemas of request bodies, and response bodies as ...View, which list every field."""
