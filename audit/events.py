"""What can be recorded: a closed vocabulary, and where events belong."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from django.db import models


class ScopeKind(models.TextChoices):
    """Whose log an event stands in."""

    TEAM = "team"
    ACCOUNT = "account"
    DEPLOYMENT = "deployment"


# Heads are locked in this order, then by id: the deployment's last, as all units share it.
_LOCK_ORDER = {ScopeKind.TEAM: 0, ScopeKind.ACCOUNT: 1, ScopeKind.DEPLOYMENT: 2}


@dataclass(frozen=True, slots=True)
class Scope:
    """One log: each has its own numbers and its own chain."""

    kind: ScopeKind
    id: UUID

    @classmethod
    def team(cls, team_id: UUID) -> "Scope":
        return cls(ScopeKind.TEAM, team_id)

    @classmethod
    def account(cls, account_id: UUID) -> "Scope":
        return cls(ScopeKind.ACCOUNT, account_id)

    @classmethod
    def deployment(cls) -> "Scope":
        return cls(ScopeKind.DEPLOYMENT, UUID(int=0))

    @property
    def lock_order(self) -> tuple[int, bytes]:
        return _LOCK_ORDER[self.kind], self.id.bytes


class Action(StrEnum):
    """Everything that an event can say. Values are in logs for ever: add, never rename."""

    ACCOUNT_CREATED = "account.created"
    ACCOUNT_SIGNED_IN = "account.signed_in"
    ACCOUNT_SIGN_IN_FAILED = "account.sign_in_failed"
    ACCOUNT_SIGNED_OUT = "account.signed_out"
    ACCOUNT_SESSION_ENDED = "account.session_ended"
    ACCOUNT_UNLOCKED = "account.unlocked"
    ACCOUNT_UNLOCK_FAILED = "account.unlock_failed"
    ACCOUNT_PASSWORD_CHANGED = "account.password_changed"  # noqa: S105 (the name of an event)
    ACCOUNT_KEYRING_STORED = "account.keyring_stored"
    ACCOUNT_SECOND_FACTOR_ADDED = "account.second_factor_added"
    ACCOUNT_SECOND_FACTOR_REMOVED = "account.second_factor_removed"

    TEAM_CREATED = "team.created"
    TEAM_INVITED = "team.invited"
    TEAM_INVITE_REVOKED = "team.invite_revoked"
    TEAM_MEMBER_ADDED = "team.member_added"
    TEAM_MEMBER_VERIFIED = "team.member_verified"
    TEAM_ROLE_SET = "team.role_set"
    TEAM_MEMBER_REMOVED = "team.member_removed"
    TEAM_PROFILE_SET = "team.profile_set"
    INVITE_OPENED = "invite.opened"
    INVITE_ACCEPTED = "invite.accepted"

    VAULT_CREATED = "vault.created"
    VAULT_GRANTED = "vault.granted"
    VAULT_REVOKED = "vault.revoked"
    VAULT_ROTATED = "vault.rotated"
    VAULT_HELD = "vault.held"
    ITEM_CHANGED = "item.changed"
    ITEM_DETAILS_SERVED = "item.details_served"
    GRANT_STORED = "grant.stored"
    GRANT_OPENED = "grant.opened"
    GRANT_REPORTED_BROKEN = "grant.reported_broken"
    OLD_DEK_STORED = "old_dek.stored"
    CHAIN_CUT = "chain.cut"
    CHAIN_RESTORED = "chain.restored"

    KEK_CREATED = "kek.created"
    KEK_LOADED = "kek.loaded"
    KEK_FLUSHED = "kek.flushed"
    KMS_UNAVAILABLE = "kms.unavailable"

    AUDIT_PERSONAL_ERASED = "audit.personal_erased"
