"""The client of Valkey: one connection for each thread and process, replaced when it has ended."""

import os
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch

import redis
from django.conf import settings

from accounts.valkey import valkey


def connection_id() -> int:
    return int(valkey().client_id())


def in_another_process() -> int:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, str(connection_id()).encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as answer:
        return int(answer.read())


def test_a_thread_keeps_its_connection_to_itself() -> None:
    mine = connection_id()
    assert connection_id() == mine
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(connection_id).result() != mine
    assert connection_id() == mine


def test_a_forked_process_makes_a_connection_of_its_own() -> None:
    mine = connection_id()
    assert in_another_process() != mine
    assert connection_id() == mine


def test_a_connection_that_the_server_ended_is_replaced_at_once() -> None:
    before = connection_id()
    redis.Redis.from_url(settings.CACHE_URL).client_kill_filter(_id=str(before))
    slept: list[float] = []
    with patch("redis.retry.sleep", slept.append):
        assert connection_id() != before
        assert valkey().get("coffret:nothing") is None
    assert slept == []


def test_an_answer_that_nobody_read_answers_no_other_command() -> None:
    client = valkey()
    assert client.connection is not None
    client.connection.send_command("ECHO", "somebody's")
    assert client.connection.can_read(timeout=5)
    assert valkey().echo("mine") == b"mine"
