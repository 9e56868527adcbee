from django.apps import AppConfig
from django.conf import settings

from config.checks import refuse_to_start
from config.memory import no_core_dumps


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        """Run for every process: web, worker, beat, manage.py."""
        no_core_dumps()
        # Models are loaded by now, which the journal of the KMS calls needs. The queue is named
        # here, so that services of every process can send to it.
        import config.celery  # noqa: F401, PLC0415
        from config.kms import configure_kms  # noqa: PLC0415

        refuse_to_start(settings)
        configure_kms(settings)
