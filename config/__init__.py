"""Wiring: settings, URLs, Celery, errors, start-up checks. Imported by nobody."""
