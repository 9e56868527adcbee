"""`manage.py chain_check`: whether every chain holds, and the rows are what it folds to."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction

from accounts.models import Team
from sharing.chains import differences


class Command(BaseCommand):
    help = "Fold all chains again, verify every signature, and compare with the projections."

    def handle(self, *_args: Any, **_options: Any) -> None:
        found = 0
        teams = Team.objects.order_by("pk").values_list("pk", flat=True)
        for team_id in teams:
            for difference in self._differences(team_id):
                self.stdout.write(difference)
                found += 1
        if found:
            raise CommandError(f"{found} differences")
        self.stdout.write(f"{len(teams)} teams: the rows are what the chains fold to")

    def _differences(self, team_id: Any) -> list[str]:
        """One snapshot for each team, so that a link appended meanwhile is no difference."""
        with transaction.atomic():
            if not connection.savepoint_ids:
                with connection.cursor() as cursor:
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            return list(differences(Team.objects.get(pk=team_id)))
