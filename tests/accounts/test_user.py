"""A person: one form of the address, an id that sorts by time, and no password."""

import time
from uuid import RFC_4122

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.ids import uuid7
from accounts.models import User


def test_ids_are_version_7_and_sort_by_time() -> None:
    before = time.time_ns() // 1_000_000
    first = uuid7()
    time.sleep(0.002)
    second = uuid7()

    assert (first.version, first.variant) == (7, RFC_4122)
    assert before <= first.int >> 80 <= time.time_ns() // 1_000_000
    assert first < second
    assert len({uuid7() for _ in range(1000)}) == 1000


@pytest.mark.django_db
def test_one_address_has_one_form() -> None:
    user = User.objects.create_user("  Ana@Example.COM ")
    # A ligature and full-width letters: NFKC makes plain ones of them.
    other = User.objects.create_user("\ufb01nn\uff20example.com")

    assert user.email == "ana@example.com"
    assert other.email == "finn@example.com"
    assert User.objects.get_by_natural_key("ANA@example.com") == user
    for form in ("ana@example.com", "ANA@EXAMPLE.COM", "\uff41na@example.com"):
        with pytest.raises(IntegrityError), transaction.atomic():
            User.objects.create_user(form)


@pytest.mark.django_db
def test_the_database_refuses_another_form_itself() -> None:
    user = User.objects.create_user("ana@example.com")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=user.pk).update(email="Ana@example.com")


@pytest.mark.django_db
def test_nobody_has_a_password() -> None:
    user = User.objects.create_user("ana@example.com")
    assert not user.has_usable_password()
    assert not user.check_password("")


@pytest.mark.django_db
def test_the_tests_run_on_postgresql() -> None:
    assert connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        assert int(cursor.fetchone()[0]) >= 160000
