"""Under /api/v1/."""

from django.urls import path

from sharing import api

urlpatterns = [
    path("teams/<uuid:team_id>/links", api.LinksView.as_view(), name="links"),
    path("teams/<uuid:team_id>/restore", api.RestoreView.as_view(), name="restore"),
    path("invites/find", api.InviteFindView.as_view(), name="invite-find"),
    path("invites/open", api.InviteOpenView.as_view(), name="invite-open"),
    path("invites/accept", api.InviteAcceptView.as_view(), name="invite-accept"),
    path("sync", api.SyncView.as_view(), name="sync"),
]
