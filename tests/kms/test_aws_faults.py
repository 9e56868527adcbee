"""AWS KMS when it fails: throttling, silence, cut answers, and an answer under another key."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.kms.journal import KeptJournal
from tests.kms.moto_server import REGION, PatchNotEffective, moto_server
from vaults.kms import aws
from vaults.kms.aws import AwsKms
from vaults.kms.base import KmsRefused, KmsUnavailable, Outcome

CONTEXT = {"team": "a"}
KEY = f"arn:aws:kms:{REGION}:123456789012:key/mrk-00000000000000000000000000000000"


def provider(endpoint_url, profile="web"):
    journal = KeptJournal()
    kms = AwsKms(region=REGION, journal=journal, profile=profile, endpoint_url=endpoint_url)
    return kms, journal


@contextmanager
def raw_server(answer):
    """A TCP server that does `answer(connection)` with each connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    connections = []

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connections.append(connection)
            answer(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
        for connection in connections:
            connection.close()


@pytest.mark.parametrize(
    "name", ["context", "blob", "wrong_key", "key_usage", "state", "mac_key_id", "admin_arn"]
)
def test_a_server_without_one_of_the_patches_is_not_handed_out(name):
    with pytest.raises(PatchNotEffective, match=name), moto_server(without=name):
        pass


def test_a_server_that_does_not_throttle_is_not_handed_out():
    with (
        pytest.raises(PatchNotEffective, match="throttle"),
        moto_server(throttled=True, without="throttle"),
    ):
        pass


def under_keys_of_their_own(server, kms):
    """Two calls at once, each the first use of a key: three attempts of each are throttled."""
    admin = server.admin()
    keys = [admin.create_key()["KeyMetadata"]["Arn"] for _ in range(2)]
    with ThreadPoolExecutor(len(keys)) as pool:
        return [pool.submit(kms.generate_data_key, key_id=key, context=CONTEXT) for key in keys]


def test_workers_lose_no_call_to_throttling_and_journal_each_attempt():
    with moto_server(throttled=True) as server:
        kms, journal = provider(server.endpoint_url, "worker")
        calls = under_keys_of_their_own(server, kms)
        assert all(call.result().blob for call in calls)

    throttled = ["ThrottlingException"] * 3
    for entry in journal.entries:
        assert [outcome for _, outcome in entry.attempts] == [*throttled, "ok"]
        assert entry.closed == [Outcome.OK]
    request_ids = [request_id for entry in journal.entries for request_id, _ in entry.attempts]
    assert all(request_ids)
    assert len(set(request_ids)) == len(request_ids) == 8


def test_the_web_gives_up_after_three_throttled_attempts():
    with moto_server(throttled=True) as server:
        kms, journal = provider(server.endpoint_url)
        errors = [call.exception() for call in under_keys_of_their_own(server, kms)]

    assert all(isinstance(error, KmsUnavailable) for error in errors)
    assert len(journal.entries) == 2
    for entry in journal.entries:
        assert [outcome for _, outcome in entry.attempts] == ["ThrottlingException"] * 3
        assert entry.closed == [Outcome.UNAVAILABLE]


def test_nothing_listening_is_unavailable_and_known_not_to_have_happened():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
    kms, journal = provider(endpoint)
    with pytest.raises(KmsUnavailable) as caught:
        kms.decrypt(key_id=KEY, blob=b"x", context=CONTEXT)

    assert not isinstance(caught.value, KmsRefused)
    assert journal.last.attempts == [(None, "unreached:EndpointConnectionError")] * 3
    assert journal.last.closed == [Outcome.UNAVAILABLE]


def test_silence_leaves_the_outcome_unknown(monkeypatch):
    monkeypatch.setattr(aws, "READ_TIMEOUT_SECONDS", 0.2)
    with raw_server(lambda _connection: None) as endpoint:
        kms, journal = provider(endpoint)
        with pytest.raises(KmsUnavailable):
            kms.decrypt(key_id=KEY, blob=b"x", context=CONTEXT)

    assert journal.last.attempts == [(None, "unknown:ReadTimeoutError")] * 3
    assert journal.last.closed == [Outcome.UNKNOWN]


def reply(body, *, length=None):
    def answer(connection):
        connection.recv(65536)
        head = (
            "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\n"
            f"x-amzn-RequestId: r-1\r\nContent-Length: {length or len(body)}\r\n"
            "Connection: close\r\n\r\n"
        )
        connection.sendall(head.encode() + body)
        connection.shutdown(socket.SHUT_RDWR)

    return answer


@pytest.mark.parametrize(
    ("body", "length"), [(b'{"KeyId": "', 500), (b"not json", None), (b"", 300)]
)
def test_an_answer_cut_in_its_body_leaves_the_outcome_unknown(body, length):
    with raw_server(reply(body, length=length)) as endpoint:
        kms, journal = provider(endpoint)
        with pytest.raises(KmsUnavailable):
            kms.decrypt(key_id=KEY, blob=b"x", context=CONTEXT)

    # Where botocore takes the rest for an empty answer, the request id is known all the same.
    assert journal.last.attempts
    assert all(
        request_id == "r-1" or outcome.startswith("unknown:")
        for request_id, outcome in journal.last.attempts
    )
    assert journal.last.closed == [Outcome.UNKNOWN]


def test_a_mac_of_another_size_is_refused():
    body = b'{"KeyId": "%s", "Mac": "QUFB"}' % KEY.encode()
    with raw_server(reply(body)) as endpoint:
        kms, journal = provider(endpoint)
        with pytest.raises(KmsRefused):
            kms.mac(key_id=KEY, message=b"x")

    assert journal.last.closed == [Outcome.REFUSED]


PLAINTEXT = b"QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="  # base64 of 32 bytes


@pytest.mark.parametrize(
    "body",
    [
        b'{"KeyId": "%s", "Plaintext": "%s"}' % (KEY.replace("mrk-0", "mrk-1").encode(), PLAINTEXT),
        b'{"KeyId": "%s", "Plaintext": "QUFB"}' % KEY.encode(),
    ],
    ids=["another key", "a short key"],
)
def test_an_answer_under_another_key_is_refused(body):
    with raw_server(reply(body)) as endpoint:
        kms, journal = provider(endpoint)
        with pytest.raises(KmsRefused):
            kms.decrypt(key_id=KEY, blob=b"x", context=CONTEXT)

    assert journal.last.attempts == [("r-1", "ok")]
    assert journal.last.closed == [Outcome.REFUSED]


def test_an_empty_blob_is_refused_without_a_call(moto):
    kms, journal = provider(moto.endpoint_url)
    key = moto.admin().create_key()["KeyMetadata"]["Arn"]
    with pytest.raises(KmsRefused):
        kms.decrypt(key_id=key, blob=b"", context=CONTEXT)

    assert journal.last.attempts == []
    assert journal.last.closed == [Outcome.REFUSED]


@pytest.mark.parametrize("key_id", ["alias/coffret", KEY.rsplit("/", 1)[1], "", KEY + "/x"])
def test_a_key_is_named_by_its_arn_only(moto, key_id):
    kms, journal = provider(moto.endpoint_url)
    with pytest.raises(ValueError, match="ARN"):
        kms.mac(key_id=key_id, message=b"m")
    assert not journal.entries


def test_a_key_pending_deletion_and_an_absent_one_are_unavailable(moto):
    admin, (kms, journal) = moto.admin(), provider(moto.endpoint_url)
    key = admin.create_key()["KeyMetadata"]["Arn"]
    blob = kms.generate_data_key(key_id=key, context=CONTEXT).blob
    admin.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    for key_id, reason in ((key, "KMSInvalidStateException"), (KEY, "NotFoundException")):
        with pytest.raises(KmsUnavailable) as caught:
            kms.decrypt(key_id=key_id, blob=blob, context=CONTEXT)
        assert caught.value.reason == reason
        assert journal.last.closed == [Outcome.UNAVAILABLE]
