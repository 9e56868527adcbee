"""`manage.py chain_cut`: take a link that does not hold out of a chain, and what stands on it."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from sharing.services.cutting import CutRefused, chain_cut


class Command(BaseCommand):
    help = (
        "Cut a chain at the first link that this server's own fold refuses, and move it and all"
        " that follows to quarantine. `manage.py chain_check` names the chain."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("chain", type=UUID, help="the id of a team or of a vault")

    def handle(self, *_args: Any, chain: UUID, **_options: Any) -> None:
        try:
            cut = chain_cut(chain)
        except CutRefused as refused:
            raise CommandError(f"The chain is not cut. {refused}") from None
        self.stdout.write(
            f"{cut.chain_id}: cut before link {cut.seq}, which is refused ({cut.refusal})."
            f" In quarantine: {cut.links} links, {cut.rows} rows in all."
        )
