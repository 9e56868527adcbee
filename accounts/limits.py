"""How often somebody may try. Counted in Valkey, before KMS is asked.

The client of OPAQUE learns from KE2 alone whether its guess was right, so every KE1 that is
answered counts as a guess, and a KE3 that verifies gives back exactly what its own KE1 counted.
Behind a bucket's free tries each further one has to wait twice as long as the one before, from 1
second up to 15 minutes: nobody is shut out for longer, and nobody guesses faster.

A device that signed in to an account before (its cookie says so) counts in a bucket of its own and
in no other, so that strangers who use up the account's tries do not lock its person out.
"""

import hashlib
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Final
from uuid import UUID

from django.http import HttpRequest

from accounts.device import known_device
from accounts.errors import RateLimited
from accounts.valkey import PREFIX, valkey

MAX_DELAY_SECONDS: Final = 900
FORGET_SECONDS: Final = 86_400  # after the last try

UNLOCK_MISSES: Final = 10

# One step for all buckets of a try: it counts in each of them, or in none and is refused. Times
# are whole microseconds, which a double holds exactly: in whole seconds a wait of one would be over
# with the second in which it began.
_TAKE: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local most, forget = tonumber(ARGV[1]), tonumber(ARGV[2])
local wait = 0
for i, key in ipairs(KEYS) do
    local n = tonumber(redis.call('HGET', key, 'n') or '0')
    local over = n - tonumber(ARGV[2 + i])
    if over >= 0 then
        local delay = math.min(most, 2 ^ math.min(over, 20))
        local at = tonumber(redis.call('HGET', key, 'us') or '0')
        wait = math.max(wait, at + delay * 1000000 - now)
    end
end
if wait > 0 then return math.ceil(wait / 1000000) end
for _, key in ipairs(KEYS) do
    redis.call('HINCRBY', key, 'n', 1)
    redis.call('HSET', key, 'us', string.format('%.0f', now))
    redis.call('EXPIRE', key, forget)
end
return 0
"""
_GIVE_BACK: Final = """
for _, key in ipairs(KEYS) do
    if tonumber(redis.call('HGET', key, 'n') or '0') > 0 then
        redis.call('HINCRBY', key, 'n', -1)
    end
end
"""


# What is counted for load, not as guesses: so many units in a window that begins with the first.
_SPEND: Final = """
local n = redis.call('INCRBY', KEYS[1], ARGV[1])
if n == tonumber(ARGV[1]) then redis.call('EXPIRE', KEYS[1], ARGV[3]) end
if n > tonumber(ARGV[2]) then return math.max(1, redis.call('TTL', KEYS[1])) end
return 0
"""


class TooMany(RateLimited):
    """The next try is possible in `retry_after` seconds."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """One count: what is counted, of whom, and how many tries are free."""

    name: str
    of: str
    free: int

    @property
    def key(self) -> str:
        # Hashed, so that the store lists no addresses of people or machines.
        digest = hashlib.sha256(self.of.encode()).hexdigest()[:32]
        return f"{PREFIX}limit:{self.name}:{digest}"


def guess_buckets(request: HttpRequest, account: UUID) -> list[Bucket]:
    """Return where a guess at an account's password counts; `account` may be nobody's."""
    device = known_device(request, account)
    if device is not None:
        return [Bucket("device", f"{device} {account}", 5)]
    return [Bucket("account", str(account), 5), *origin_buckets(request, "guess")]


def origin_buckets(request: HttpRequest, name: str, *, times: int = 1) -> list[Bucket]:
    """Return the buckets of the machine and the network that ask.

    REMOTE_ADDR is the client's: config/proxy.py sees to it. Networks are /24 and /48.

    Args:
        request: whose address counts.
        name: of what is counted.
        times: so many times as often as guesses, for what is no guess.
    """
    address = ip_address(request.META.get("REMOTE_ADDR") or "0.0.0.0")  # noqa: S104 - a name
    network = ip_network((address, 24 if address.version == 4 else 48), strict=False)  # noqa: PLR2004
    return [
        Bucket(f"{name}-address", str(address), 30 * times),
        Bucket(f"{name}-network", str(network), 150 * times),
    ]


def count_try(buckets: list[Bucket]) -> list[str]:
    """Count one try in all buckets, or in none.

    Returns:
        What `give_back` takes.

    Raises:
        TooMany: it is too early in at least one of them.
        RedisError: nothing can be counted, so nothing may be tried.
    """
    keys = [bucket.key for bucket in buckets]
    arguments = [MAX_DELAY_SECONDS, FORGET_SECONDS, *(bucket.free for bucket in buckets)]
    wait = valkey().eval(_TAKE, len(keys), *keys, *arguments)
    if int(wait) > 0:
        raise TooMany(retry_after=int(wait))
    return keys


def give_back(keys: list[str]) -> None:
    """Undo one `count_try`: the try was no guess."""
    valkey().eval(_GIVE_BACK, len(keys), *keys)


def spend(bucket: Bucket, *, units: int, seconds: int) -> None:
    """Take units out of what is free in a window of so many seconds. One round trip.

    Raises:
        TooMany: more is taken now than was free; it is given anew when the window ends.
    """
    wait = int(valkey().eval(_SPEND, 1, bucket.key, units, bucket.free, seconds))
    if wait > 0:
        raise TooMany(retry_after=wait)


def count_miss(name: str, of: str) -> int:
    """Count one more, and return how many there are; the count is forgotten with the day."""
    key = Bucket(name, of, 0).key
    store = valkey().pipeline()
    store.incr(key)
    store.expire(key, FORGET_SECONDS)
    return int(store.execute()[0])


def take_back_miss(name: str, of: str) -> None:
    """Take back what one `count_miss` counted."""
    valkey().decr(Bucket(name, of, 0).key)
