"""One account and its browser, against a server that tells the truth, lies, and tells the truth."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext

from tests.bench.people import Session
from tests.e2e.person import SLOW
from tests.e2e.thief import Thief, kit_code
from tests.evil.leaks import LEAST, leaked, written
from tests.evil.proxy import Lie, LyingServer
from tests.evil.sync import Change, more_team_links, more_vault_links, telling
from tests.evil.team import Cast, Keys, Sealed, Team, second_device
from tests.evil.victim import Victim
from tests.product import Product
from vaults.crypto import cbor

SETTLED = 2  # rounds after a refusal in which nothing may leave
SETTLING = 50  # ms in which what follows from an answer is sent
POLL = 20  # ms


class Scene:
    """What every case begins with. The victim is signed in, and unlocked."""

    def __init__(self, product: Product, liar: LyingServer, cast: Cast, victim: Victim) -> None:
        self.product, self.liar, self.cast, self.victim = product, liar, cast, victim
        self.keys = self._keys()
        self.begun = 0  # the first request of the case, among those of the liar

    def _keys(self) -> Keys:
        """The keys that the browser made, by the kit that its person noted."""
        thief = Thief(self.product)
        with closing(thief.database):
            ring, amk = thief.keyring(self.victim), thief.amk(self.victim)
            account = thief.account(self.victim)
        seeds = (ring["identity"], ring["box"])
        return Keys(account.bytes, self.victim.email, *seeds, amk, kit_code(self.victim))

    # A team of one's own for each case.

    def team(
        self, *, role: str = "member", right: str = "write", name: str = "", **others: str
    ) -> Team:
        """A team with a vault "Harbour n" and an item "Mooring n", which the victim's page shows.

        Args:
            role: the victim's.
            right: the victim's in the vault.
            name: the team's.
            others: colleagues and their right in the vault, e.g. `mallory="write"`.
        """
        self.begun = len(self.liar.sent)
        team = Team(self.cast.anew(), self.keys, name)
        team.vault = team.new_vault(f"Harbour {team.number}")
        team.write_items(team.vault, f"Mooring {team.number}")
        team.join(team.victim_person(), {team.vault: right}, role=role)
        for colleague, their_right in others.items():
            team.join(team.newcomer(colleague), {team.vault: their_right})
        self.victim.sees(team.vault, f"Mooring {team.number}")
        self.victim.came_by_hand(team.id)
        self.victim.at(team.vault)
        self.victim.expect_no_refusal()
        return team

    # The three parts of a case.

    def honest(self, team: Team, title: str = "Honest") -> None:
        """A colleague writes, and the victim sees it: so far the flow works."""
        title = f"{title} {team.number}"
        team.write_items(team.vault, title)
        self.victim.sees(team.vault, title)
        self.victim.expect_no_refusal()

    def refuses(self, team: Team, refusal: str) -> None:
        """The client looks, shows the refusal, and sends nothing of the team from then on."""
        since = len(self.liar.sent)
        self.victim.look()
        self.stopped(team, refusal, since)

    def stopped(
        self, team: Team, refusal: str, since: int | None = None, *, asked: bool = False
    ) -> None:
        """The page shows the refusal; no key and no link of the team leaves.

        Args:
            team: what it is about.
            refusal: its id.
            since: from this request on; by default, from the refusal on.
            asked: the person asked for what is refused.
        """
        self.victim.expect_refusal(refusal, asked=asked)
        since = len(self.liar.sent) if since is None else since
        self.silent(team, since, is_behind=refusal == "T4.older")

    def silent(self, team: Team, since: int, *, is_behind: bool = False) -> None:
        """Give the client time to betray something, and see that it does not.

        Args:
            team: whose keys and links do not leave.
            since: from this request on.
            is_behind: the server shows less than the client has. It is given back what it had
                before: links of the real chains, as they were, and nothing else.
        """
        self.rounds(SETTLED)
        sent = self.liar.sent[since:]
        if is_behind:
            given = [each for each in sent if each.path == f"{team.path}restore"]
            assert {each.value()["link"] for each in given} <= team.own_links()
            sent = [each for each in sent if each not in given]
        left = written(sent, team.path)
        assert left == [], left
        self.no_leak(team)

    def no_leak(self, team: Team) -> None:
        """No text and no key left the browser since the case began."""
        found = leaked(self.liar.sent[self.begun :], self.secrets(team))
        assert found == [], found

    def secrets(self, team: Team) -> dict[str, bytes]:
        """What must never leave the browser: the team's, the person's own, and what they typed."""
        typed = {f"typed “{text}”": text.encode() for text in self.victim.typed}
        return {
            **team.secrets(),
            **{name: text for name, text in typed.items() if len(text) >= LEAST},
            "password": self.victim.password.encode(),
            "identity": self.keys.identity,
            "box key": self.keys.box,
            "AMK": self.keys.amk,
            "kit": self.keys.kit,
            "kit as printed": self.victim.kit.encode(),
        }

    def sealed_to(self, team: Team) -> set[bytes]:
        """Whom the victim's browser sealed the team's keys to, in this case, by fingerprint."""
        sent = self.liar.sent[self.begun :]
        given = [each.value()["grants"] for each in sent if each.path == f"{team.path}grants"]
        return {cbor.loads(row["grant"])["to"] for rows in given for row in rows}

    def rounds(self, number: int) -> None:
        """Have the client look several times, one after the other, and take in what it was told.

        It asks the next time only when what it was told before is taken in, so it is asked once
        more than is waited for.
        """
        for _ in range(number + 1):
            before = self._syncs()
            self.victim.look()
            self.waits_for(lambda before=before: self._syncs() > before)  # type: ignore[misc]
            self.victim.page.wait_for_timeout(SETTLING)

    def _syncs(self) -> int:
        return sum(each.path == "sync" for each in self.liar.sent)

    def waits_for(self, happened: Callable[[], bool]) -> None:
        """Wait for something that the proxy sees."""
        deadline = time.monotonic() + SLOW / 1000
        while not happened():
            assert time.monotonic() < deadline, "it did not happen"
            self.victim.page.wait_for_timeout(POLL)

    def recovers(self, team: Team, *, catch_up: bool = False) -> None:
        """The lie has stopped: nothing was written by it, and the same flow works again.

        Args:
            team: whose chains on the server are as its builder made them.
            catch_up: the victim wrote something on purpose; it is folded first.
        """
        assert self.liar.failures == []
        if catch_up:
            team.catch_up()
            self.no_leak(team)  # nor of the keys that the browser drew, which are known now
        assert team.server_heads() == team.own_heads()
        self.victim.relock()
        self.victim.expect_no_refusal()
        self.honest(team, "After the lie")

    def leaves(self, team: Team) -> None:
        """End a team whose own history keeps something that is refused at every visit."""
        team.catch_up()
        self.no_leak(team)
        assert team.server_heads() == team.own_heads()
        team.remove(team.founder, team.victim)
        self.rounds(1)
        self.victim.relock()
        self.victim.expect_no_refusal()

    # Lies in the sync.

    def told(self, *changes: Change) -> AbstractContextManager[Lie]:
        """Every sync is told with these changes."""
        return self.liar.lying("POST", "sync", telling(*changes))

    def forged(self, team: Team, *signed: bytes) -> AbstractContextManager[Lie]:
        """The team's chain goes on with links that the server would never take."""
        state = team.team.state
        return self.told(more_team_links(state.id, state.seq, *signed))

    def forged_change(self, team: Team, change: Sealed) -> AbstractContextManager[Lie]:
        """The vault's chain goes on with a change that the server would never take."""
        state = team.team.vaults[team.vault].state
        place = (team.team.state.id, team.vault, state.seq)
        return self.told(more_vault_links(*place, [change.link], change.rows))

    # Other devices of the same person.

    def device(self) -> Session:
        """The API with the browser's session."""
        cookies: Mapping[str, str] = {
            str(each.get("name")): str(each.get("value")) for each in self.victim.context.cookies()
        }
        return second_device(self.product, cookies, 9_000)

    @contextmanager
    def new_browser(self, browser: Browser) -> Iterator[Victim]:
        """A browser of the same person that has the session, and has kept nothing; locked."""
        cookies = self.victim.context.cookies()
        there = Victim(self.product, self.liar, browser, self.victim.name)
        there.password, there.email = self.victim.password, self.victim.email
        context: BrowserContext = there.context
        try:
            context.add_cookies(cookies)  # type: ignore[arg-type]
            there.page.goto("/")
            yield there
        finally:
            context.close()


def changes_sent(scene: Scene) -> list[Any]:
    """The bodies of all changes of this case, in their order."""
    sent = scene.liar.sent[scene.begun :]
    return [each.value() for each in sent if each.path.endswith("/changes")]
