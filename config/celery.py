"""The queue. The schedule is code: what runs, and how often, is read here."""

import os

from celery import Celery
from celery.schedules import schedule
from celery.signals import setup_logging
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("coffret")
app.set_default()  # for every thread: else a web thread would send to Celery's own default
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# Every entry may run twice, and late: its task asks the rows what is left to do.
BEAT: dict[str, dict[str, str | schedule]] = {
    "accounts-purge": {"task": "accounts.purge", "schedule": schedule(3600)},  # seconds
}
app.conf.beat_schedule = BEAT


@setup_logging.connect
def keep_our_logging(**_options: object) -> None:
    """Being connected is the point: Celery then leaves the root logger as Django set it up."""
    settings.LOGGING_CONFIG  # noqa: B018 - reading it makes Django configure the log
