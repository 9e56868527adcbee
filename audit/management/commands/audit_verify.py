"""`manage.py audit_verify`: check every chain of the log, and name the first break of each."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction

from audit import selectors


class Command(BaseCommand):
    """Walk all scopes; exit with 1 if one does not hold."""

    help = "Check the hash chains of the audit log and name the first broken number of each."

    def handle(self, *_args: Any, **_options: Any) -> None:
        broken = 0
        with transaction.atomic():
            with connection.cursor() as cursor:
                # Heads and events of one moment, while others go on writing.
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            scopes = selectors.all_scopes()
            for scope in scopes:
                found = selectors.verify_scope(scope)
                if found is not None:
                    broken += 1
                    self.stdout.write(
                        f"{scope.kind} {scope.id}: broken at {found.seq}: {found.why}"
                    )
        if broken:
            raise CommandError(f"{broken} of {len(scopes)} chains do not hold")
        self.stdout.write(f"{len(scopes)} chains hold")
