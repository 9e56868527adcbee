from django.apps import AppConfig
from django.conf import settings

from config.checks import refuse_to_start


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        """Run for every process: web, worker, beat, manage.py."""
        refuse_to_start(settings)
