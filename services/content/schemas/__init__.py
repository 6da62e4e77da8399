"""The wire: request bodies as New... and ...Patch, response bodies as ...View, which list every field."""
