"""The six digits in a mail. Derived when they are sent and when they are checked, stored nowhere.

So they lie in no row, no session, no queue and no log; whoever has the secret key could compute
them, and could as well sign sessions.
"""

from typing import Final

from django.utils.crypto import constant_time_compare, salted_hmac

DIGITS: Final = 6


def code_for(purpose: str, of: str) -> str:
    """Return the code of one mail; `of` names its row and how many mails went before."""
    mac = salted_hmac(f"coffret.code.{purpose}", of, algorithm="sha256").digest()
    return f"{int.from_bytes(mac, 'big') % 10**DIGITS:0{DIGITS}}"


def code_fits(purpose: str, of: str, typed: str) -> bool:
    """Return whether `typed` is that code; takes the same time either way."""
    return constant_time_compare(code_for(purpose, of), typed)
