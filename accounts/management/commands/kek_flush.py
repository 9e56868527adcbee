"""`manage.py kek_flush`: shut cached KEKs in every process, at once."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand

from accounts.kek import kek_flush, kek_flush_all


class Command(BaseCommand):
    help = "Shut the cached copies of all KEKs, or of one team's, in every process at once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--team", type=UUID, help="the team's id; all teams if absent")

    def handle(self, *_args: Any, **options: Any) -> None:
        team: UUID | None = options["team"]
        count = kek_flush_all() if team is None else kek_flush(team)
        self.stdout.write(f"{count} KEKs were flushed.")
