"""The provider of a process: what config said, built once, and never carried across a fork."""

import os

import pytest

from tests.kms.journal import KeptJournal
from tests.kms.moto_server import REGION
from vaults.kms import registry
from vaults.kms.aws import AwsKms
from vaults.kms.local import LocalKms, create_key_file
from vaults.kms.registry import AwsProvider, LocalProvider

ARN = f"arn:aws:kms:{REGION}:123456789012:key/"


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """A registry of its own, so that the process's stays as config made it."""
    monkeypatch.setattr(registry, "_registry", registry._Registry())


def test_before_config_spoke_there_is_none():
    for ask in (registry.current, registry.master_key_id, registry.login_key_id):
        with pytest.raises(RuntimeError, match="configure"):
            ask()


def test_the_local_provider_is_built_once_and_works(tmp_path):
    create_key_file(tmp_path / "keys.json")
    registry.configure(LocalProvider(tmp_path / "keys.json"), KeptJournal())
    kms = registry.current()

    assert isinstance(kms, LocalKms)
    assert registry.current() is kms
    assert len(kms.mac(key_id=registry.login_key_id(), message=b"m").mac) == 64
    context = {"team": "a"}
    assert kms.generate_data_key(key_id=registry.master_key_id(), context=context).blob


def test_the_aws_provider_has_the_keys_it_was_given(moto):
    registry.configure(
        AwsProvider(REGION, ARN + "mrk-1", ARN + "mrk-2", "worker", moto.endpoint_url),
        KeptJournal(),
    )
    assert isinstance(registry.current(), AwsKms)
    assert (registry.master_key_id(), registry.login_key_id()) == (ARN + "mrk-1", ARN + "mrk-2")


def test_another_configuration_replaces_the_provider(tmp_path):
    registry.configure(LocalProvider(tmp_path / "one"), KeptJournal())
    first = registry.current()
    registry.configure(LocalProvider(tmp_path / "two"), KeptJournal())
    assert registry.current() is not first


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_builds_its_own(tmp_path):
    registry.configure(LocalProvider(tmp_path / "keys.json"), KeptJournal())
    parents = registry.current()
    child = os.fork()
    if child == 0:
        os._exit(registry.current() is parents)
    assert os.waitpid(child, 0)[1] == 0
    assert registry.current() is parents
