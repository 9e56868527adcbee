"""The door for the web server."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()

# What has been loaded stays: the collector need not look at it again, in any request.
gc.collect()
gc.freeze()
# A request makes a few thousand objects and nearly no cycles; the default looks after each 700.
gc.set_threshold(20_000, 20, 50)
