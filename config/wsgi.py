"""The door for the web server."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from config.memory import bound_heap, trim_heap

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

bound_heap()
application = get_wsgi_application()
# Loads every view now: else the first request would, and the collector would look at it for ever.
get_resolver().url_patterns  # noqa: B018 - reading it loads them

# What has been loaded stays: the collector need not look at it again, in any request.
gc.collect()
gc.freeze()
# A request makes a few thousand objects and nearly no cycles; the default looks after each 700.
gc.set_threshold(20_000, 20, 50)
# Loading needed more than it keeps.
trim_heap()
