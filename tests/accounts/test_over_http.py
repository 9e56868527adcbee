"""The whole way over the product's own web server: cookies, CSRF, and the keys come back."""

from contextlib import closing

from tests.bench.client import Client
from tests.opaque_client import log_in, open_bundle, sign_up, unlock
from tests.people import PASSWORD, mailed_code

EMAIL = "ana@example.com"


def test_sign_up_sign_in_and_unlock(server: str) -> None:
    first, second = Client(server, 1), Client(server, 2)
    with closing(first), closing(second):
        account, _pending = sign_up(first, EMAIL, PASSWORD)
        done = first("POST", "signup/verify", {"code": mailed_code(EMAIL)})
        assert done.body["state"] == "signed_in"
        assert "__Host-coffret_device" in first.cookies

        run = log_in(second, EMAIL, PASSWORD)
        assert run.finish is not None
        assert open_bundle(account, run.finish.body["bundle"], run.export_key) == account.amk
        again = unlock(second, PASSWORD)
        assert again.finish is not None
        assert again.finish.body["bundle"] == run.finish.body["bundle"]
        assert second("GET", "session").body["state"] == "signed_in"
