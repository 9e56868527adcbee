"""Every row names its tenant: a team, an account, or a reason why neither."""

from django.apps import apps
from django.db.models import Model

OURS = ("accounts", "vaults", "sharing", "audit")

# Rows of people, of the deployment, and of the log, which names scopes.
WITHOUT_TEAM = {
    "accounts.Deployment": "one row: the installation itself",
    "accounts.Team": "the tenant",
    "accounts.User": "a person, who may be in many teams",
    "vaults.VaultLink": "its vault names the team: 16 bytes at each write",
    "vaults.Item": "its vault names the team: 16 bytes of each item",
    "vaults.Revision": "its item's vault names the team",
    "audit.AuditHead": "a scope: team, account or deployment",
    "audit.AuditEvent": "a scope: team, account or deployment",
    "audit.KmsAttempt": "part of a KmsCall, which names its team",
}
ACCOUNT_FIELDS = {"account_id", "user_id", "account", "user"}


def columns(model: type[Model]) -> set[str]:
    fields = model._meta.get_fields()
    return {name for f in fields if f.concrete for name in (f.name, getattr(f, "attname", f.name))}


def test_every_row_names_a_team_an_account_or_a_reason() -> None:
    models = [m for m in apps.get_models() if m._meta.app_label in OURS]
    homeless = {m._meta.label for m in models if not columns(m) & ({"team_id"} | ACCOUNT_FIELDS)}
    assert homeless <= set(WITHOUT_TEAM), homeless - set(WITHOUT_TEAM)


def test_no_reason_outlives_its_model() -> None:
    assert set(WITHOUT_TEAM) <= {m._meta.label for m in apps.get_models()}


def test_what_lies_near_secrets_is_never_deleted_by_cascade() -> None:
    cascades = [
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        if model._meta.app_label in ("vaults", "sharing", "audit") or "team" in columns(model)
        for field in model._meta.get_fields()
        if getattr(field, "remote_field", None)
        and field.concrete
        and getattr(getattr(field.remote_field, "on_delete", None), "__name__", "") != "PROTECT"
        and model._meta.app_label in OURS
    ]
    assert cascades == []
