"""The engine that asks Meilisearch, a search server outside PostgreSQL."""
