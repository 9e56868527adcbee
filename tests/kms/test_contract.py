"""What every key provider must do: the local file and AWS KMS (moto over HTTP) alike."""

import base64
import hashlib
import hmac
import json
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.kms.journal import KeptJournal
from tests.kms.moto_server import REGION
from vaults.kms.aws import AwsKms
from vaults.kms.base import Kms, KmsRefused, KmsUnavailable, Outcome
from vaults.kms.local import LocalKms, create_key_file, set_key_disabled

CONTEXT = {"app": "coffret", "team": "a", "kek": "bc"}


@dataclass
class Provider:
    """A provider and what an operator can do to its keys."""

    kms: Kms
    journal: KeptJournal
    master: str
    other: str
    login: str
    set_disabled: Any


def local_provider(tmp_path):
    path, journal = tmp_path / "keys.json", KeptJournal()
    create_key_file(path)
    content = json.loads(path.read_text())
    material = base64.b64encode(bytes(range(32))).decode()
    content["keys"]["other"] = {"spec": "AES_256", "material": material, "disabled": False}
    path.write_text(json.dumps(content))

    def set_disabled(key_id, disabled):
        set_key_disabled(path, key_id, disabled=disabled)

    return Provider(LocalKms(path, journal), journal, "master", "other", "login", set_disabled)


def aws_provider(moto):
    admin, journal = moto.admin(), KeptJournal()
    kms = AwsKms(region=REGION, journal=journal, profile="web", endpoint_url=moto.endpoint_url)

    def make(**options):
        return admin.create_key(MultiRegion=True, **options)["KeyMetadata"]["Arn"]

    def set_disabled(key_id, disabled):
        (admin.disable_key if disabled else admin.enable_key)(KeyId=key_id)

    login = make(KeyUsage="GENERATE_VERIFY_MAC", KeySpec="HMAC_512")
    return Provider(kms, journal, make(), make(), login, set_disabled)


@pytest.fixture(params=["local", "aws"])
def provider(request, tmp_path):
    if request.param == "local":
        return local_provider(tmp_path)
    return aws_provider(request.getfixturevalue("moto"))


class TestContract:
    def test_a_data_key_opens_again(self, provider):
        made = provider.kms.generate_data_key(key_id=provider.master, context=CONTEXT)
        opened = provider.kms.decrypt(key_id=provider.master, blob=made.blob, context=CONTEXT)

        assert isinstance(opened.plaintext, bytearray)
        assert len(opened.plaintext) == 32
        assert opened.plaintext == made.plaintext
        assert bytes(made.plaintext) not in made.blob

    def test_each_data_key_is_new(self, provider):
        made = [
            provider.kms.generate_data_key(key_id=provider.master, context=CONTEXT)
            for _ in range(3)
        ]
        assert len({bytes(m.plaintext) for m in made}) == 3
        assert len({m.blob for m in made}) == 3

    @pytest.mark.parametrize(
        "context",
        [
            {**CONTEXT, "team": "b"},
            {"app": "coffret", "team": "a"},
            {**CONTEXT, "more": "x"},
            {"app": "coffret", "team": "ab", "kek": "c"},
            {"app": "coffret", "teama": "bc", "kek": "bc"},
            {"ap": "pcoffret", "team": "a", "kek": "bc"},
        ],
    )
    def test_another_context_is_refused(self, provider, context):
        made = provider.kms.generate_data_key(key_id=provider.master, context=CONTEXT)
        with pytest.raises(KmsRefused) as caught:
            provider.kms.decrypt(key_id=provider.master, blob=made.blob, context=context)

        assert provider.journal.last.closed == [Outcome.REFUSED]
        assert caught.value.call_id == provider.journal.last.id

    def test_another_key_is_refused(self, provider):
        made = provider.kms.generate_data_key(key_id=provider.master, context=CONTEXT)
        with pytest.raises(KmsRefused):
            provider.kms.decrypt(key_id=provider.other, blob=made.blob, context=CONTEXT)

    def test_an_altered_blob_is_refused_whichever_byte_it_is(self, provider):
        made = provider.kms.generate_data_key(key_id=provider.master, context=CONTEXT)
        for position in range(0, len(made.blob), 7):
            blob = bytearray(made.blob)
            blob[position] ^= 1
            with pytest.raises(KmsUnavailable):
                provider.kms.decrypt(key_id=provider.master, blob=bytes(blob), context=CONTEXT)

    @pytest.mark.parametrize("blob", [b"", b"\x01", b"x" * 61, b"x" * 200])
    def test_garbage_is_refused(self, provider, blob):
        with pytest.raises(KmsRefused):
            provider.kms.decrypt(key_id=provider.master, blob=blob, context=CONTEXT)
        assert provider.journal.last.closed == [Outcome.REFUSED]

    def test_a_mac_is_64_bytes_and_depends_on_message_and_key_only(self, provider):
        first, again, changed = (
            provider.kms.mac(key_id=provider.login, message=m).mac for m in (b"m", b"m", b"n")
        )
        assert len(first) == 64
        assert first == again != changed

    @pytest.mark.parametrize("message", [b"", b"x" * 4097])
    def test_a_message_of_a_wrong_size_makes_no_call(self, provider, message):
        with pytest.raises(ValueError, match="4096"):
            provider.kms.mac(key_id=provider.login, message=message)
        assert not provider.journal.entries

    @pytest.mark.parametrize(
        "context",
        [{}, {"email": "ana@example.org"}, {"team": ""}, {"a": "x" * 65}, {"a b": "c"}],
    )
    def test_a_context_that_is_not_of_opaque_ids_makes_no_call(self, provider, context):
        with pytest.raises(ValueError, match="context"):
            provider.kms.generate_data_key(key_id=provider.master, context=context)
        with pytest.raises(ValueError, match="context"):
            provider.kms.decrypt(key_id=provider.master, blob=b"x", context=context)
        assert not provider.journal.entries

    def test_a_key_of_the_wrong_kind_is_no_use(self, provider):
        with pytest.raises(KmsUnavailable):
            provider.kms.mac(key_id=provider.master, message=b"m")
        with pytest.raises(KmsUnavailable):
            provider.kms.generate_data_key(key_id=provider.login, context=CONTEXT)

    def test_a_disabled_key_does_nothing_until_it_is_enabled(self, provider):
        kms, master = provider.kms, provider.master
        made = kms.generate_data_key(key_id=master, context=CONTEXT)
        provider.set_disabled(master, True)
        provider.set_disabled(provider.login, True)

        calls = [
            lambda: kms.generate_data_key(key_id=master, context=CONTEXT),
            lambda: kms.decrypt(key_id=master, blob=made.blob, context=CONTEXT),
            lambda: kms.mac(key_id=provider.login, message=b"m"),
        ]
        for call in calls:
            with pytest.raises(KmsUnavailable) as caught:
                call()
            assert not isinstance(caught.value, KmsRefused)
            assert caught.value.reason == "DisabledException"
            assert provider.journal.last.closed == [Outcome.UNAVAILABLE]

        provider.set_disabled(master, False)
        assert kms.decrypt(key_id=master, blob=made.blob, context=CONTEXT).plaintext

    def test_every_call_is_journalled_with_its_request_id(self, provider):
        kms = provider.kms
        made = kms.generate_data_key(key_id=provider.master, context=CONTEXT)
        opened = kms.decrypt(key_id=provider.master, blob=made.blob, context=CONTEXT)
        mac = kms.mac(key_id=provider.login, message=b"m")

        entries = provider.journal.entries
        assert [e.operation for e in entries] == ["GenerateDataKey", "Decrypt", "GenerateMac"]
        assert [e.context for e in entries] == [CONTEXT, CONTEXT, {}]
        assert [e.key_id for e in entries] == [provider.master, provider.master, provider.login]
        assert [e.id for e in entries] == [made.call_id, opened.call_id, mac.call_id]
        assert all(e.closed == [Outcome.OK] for e in entries)
        assert all([outcome for _, outcome in e.attempts] == ["ok"] for e in entries)
        request_ids = [e.attempts[0][0] for e in entries]
        assert all(request_ids)
        assert len(set(request_ids)) == 3

    def test_calls_of_many_threads_keep_their_journal_apart(self, provider):
        def call(number):
            context = {"team": str(number)}
            made = provider.kms.generate_data_key(key_id=provider.master, context=context)
            return number, made.call_id

        with ThreadPoolExecutor(8) as pool:
            made = dict(pool.map(call, range(24)))
        entries = {int(e.context["team"]): e for e in provider.journal.entries}
        assert {n: e.id for n, e in entries.items()} == made
        assert all(len(e.attempts) == 1 and e.closed == [Outcome.OK] for e in entries.values())

    def test_no_call_is_made_when_the_intent_cannot_be_written(self, provider, monkeypatch):
        def refuse(*_args):
            raise OSError("the database is down")

        monkeypatch.setattr(provider.journal, "intent", refuse)
        with pytest.raises(OSError, match="database"):
            provider.kms.mac(key_id=provider.login, message=b"m")


class TestKeyFile:
    @pytest.fixture
    def path(self, tmp_path):
        create_key_file(tmp_path / "keys.json")
        return tmp_path / "keys.json"

    def test_it_is_the_owners_alone(self, path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert [p.name for p in path.parent.iterdir()] == ["keys.json"]

    def test_it_is_never_overwritten(self, path):
        before = path.read_bytes()
        with pytest.raises(FileExistsError):
            create_key_file(path)
        assert path.read_bytes() == before
        assert [p.name for p in path.parent.iterdir()] == ["keys.json"]

    def test_disabling_a_key_keeps_the_mode_and_the_material(self, path):
        before = json.loads(path.read_text())
        set_key_disabled(path, "master", disabled=True)
        set_key_disabled(path, "master", disabled=False)
        assert json.loads(path.read_text()) == before
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_a_mac_is_hmac_sha_512(self, path):
        material = base64.b64decode(json.loads(path.read_text())["keys"]["login"]["material"])
        made = LocalKms(path, KeptJournal()).mac(key_id="login", message=b"seed")
        assert made.mac == hmac.new(material, b"seed", hashlib.sha512).digest()

    def test_a_key_that_is_not_in_it_is_unavailable(self, path):
        kms = LocalKms(path, KeptJournal())
        with pytest.raises(KmsUnavailable, match="NotFoundException"):
            kms.mac(key_id="none", message=b"m")
        with pytest.raises(KmsUnavailable, match="NotFoundException"):
            set_key_disabled(path, "none", disabled=True)

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
    def test_a_file_open_to_others_is_not_used(self, path, mode):
        path.chmod(mode)
        with pytest.raises(KmsUnavailable, match="open to others"):
            LocalKms(path, KeptJournal()).mac(key_id="login", message=b"m")

    @pytest.mark.parametrize(
        "content",
        [
            "",
            "[]",
            "{}",
            '{"version": 2, "keys": {}}',
            '{"version": 1, "keys": {"login": {"spec": "HMAC_512", "material": "YQ=="}}}',
            '{"version": 1, "keys": {"login": {"spec": "DES", "material": "", "disabled": true}}}',
        ],
    )
    def test_a_malformed_file_is_not_used(self, path, content):
        path.write_text(content)
        with pytest.raises(KmsUnavailable, match="key file"):
            LocalKms(path, KeptJournal()).mac(key_id="login", message=b"m")

    def test_an_absent_file_is_unavailable_and_journalled(self, tmp_path):
        journal = KeptJournal()
        with pytest.raises(KmsUnavailable):
            LocalKms(tmp_path / "none", journal).mac(key_id="login", message=b"m")
        assert journal.last.closed == [Outcome.UNAVAILABLE]
