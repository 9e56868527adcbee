"""`manage.py setup`: make what this installation needs once. Run it at every start."""

from typing import Any

from django.core.management.base import BaseCommand

from accounts.setup import deployment_setup


class Command(BaseCommand):
    help = "Make the deployment's id, its KEK and its OPAQUE keys, unless they exist."

    def handle(self, *_args: Any, **_options: Any) -> None:
        made = deployment_setup()
        self.stdout.write("The deployment was set up." if made else "Already set up.")
