"""Every address. What is not under /api/, /static/ or /mail/ is a page of the client.

allauth's URL lists are not mounted, on purpose: several of their routes take a password.
"""

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from config.mailbox import mailbox
from config.pages import client, health

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/health", health, name="health"),
    path("api/v1/", include("accounts.urls")),
    path("api/v1/", include("vaults.urls")),
    path("api/v1/", include("sharing.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
]

if settings.MAIL_PAGE:
    urlpatterns += [path("mail/", mailbox, name="mail")]

urlpatterns += [
    re_path(r"^(?!api/|static/|mail(?:/|$))", client, name="client"),
]
