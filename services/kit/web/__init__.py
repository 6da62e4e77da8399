"""HTTP, without a database: the Falcon app, guards, documents, schemas, tokens and the gunicorn worker."""
