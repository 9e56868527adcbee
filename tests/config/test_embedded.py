"""The embedded services, as the tests of this run use them."""

import secrets

import pytest
from django.db import IntegrityError, connection

from accounts.models import User
from config.embedded import Services


@pytest.mark.django_db(transaction=True)
def test_a_failed_statement_leaves_no_value_in_the_log(services: Services | None) -> None:
    if services is None:
        pytest.skip("the database is another's")
    marker = secrets.token_hex(8)
    User.objects.create_user(f"{marker}@example.com")
    with pytest.raises(IntegrityError):
        User.objects.create_user(f"{marker}@example.com")
    connection.close()

    log = (services.folder / "log" / "postgres.log").read_text()
    assert "duplicate key" in log
    assert marker not in log
