"""The settings of the tests: those of the product, on services of their own.

Each run has its own folder, named here and made in conftest.py, so that runs do not meet.
"""

import os
import secrets
import tempfile
from pathlib import Path

from config import memory
from config.embedded import Services

_NAME = f"coffret-test-{os.getpid()}-{secrets.token_hex(4)}"
# A server that a test starts is told the folder of the run it belongs to.
FOLDER = Path(os.environ.get("COFFRET_TEST_FOLDER", Path(tempfile.gettempdir()) / _NAME))
EMBEDDED = "DATABASE_URL" not in os.environ

# Playwright keeps an event loop in the main thread, in which Django would refuse the database.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
os.environ["COFFRET_ENV"] = "test"
os.environ["COFFRET_SECRET_KEY"] = "a key for tests only: " + "0" * 50
os.environ["COFFRET_MAIL_PAGE"] = "1"
os.environ["COFFRET_LOG"] = "console"
os.environ["COFFRET_KMS"] = "local"
if EMBEDDED:
    os.environ.update(Services(FOLDER).environment())
os.environ["COFFRET_DATA"] = str(FOLDER)

# Tests see that the processes they start give up core files, which those cannot do whose parent
# has: so this one keeps them.
memory.no_core_dumps = lambda: None

from config.settings import *  # noqa: E402, F403

ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
# A test calls a task and sees what it did; what a worker does with it is tested on a worker.
CELERY_TASK_ALWAYS_EAGER = True
CELERY_TASK_EAGER_PROPAGATES = True
