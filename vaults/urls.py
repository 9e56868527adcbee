"""Under /api/v1/."""

from django.urls import path

from vaults import api

VAULT = "teams/<uuid:team_id>/vaults/<uuid:vault_id>"

urlpatterns = [
    path("teams", api.TeamsView.as_view(), name="teams"),
    path("teams/<uuid:team_id>/grants", api.GrantsView.as_view(), name="grants"),
    path("teams/<uuid:team_id>/grants/reports", api.ReportsView.as_view(), name="grant-reports"),
    path("teams/<uuid:team_id>/hold", api.HoldView.as_view(), name="hold"),
    path(f"{VAULT}/changes", api.ChangesView.as_view(), name="changes"),
    path(f"{VAULT}/olds", api.OldsView.as_view(), name="olds"),
    path(f"{VAULT}/items/<uuid:item_id>", api.ItemView.as_view(), name="item"),
    path(f"{VAULT}/items/<uuid:item_id>/revisions", api.RevisionsView.as_view(), name="revisions"),
]
