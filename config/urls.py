"""Every address. What is not under /api/, /static/ or /mail/ is a page of the client.

allauth's URL lists are not mounted, on purpose: several of their routes take a password.
"""

from csp.constants import SELF
from csp.decorators import csp_replace
from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from config.mailbox import mailbox
from config.pages import client, health

# Swagger UI writes HTML from texts in ways that Trusted Types forbid, and its style sheet holds
# pictures. What it shows is our own description; scripts come from our files only, here too.
docs = csp_replace(
    {"require-trusted-types-for": None, "trusted-types": None, "img-src": [SELF, "data:"]}
)(SpectacularSwaggerSplitView.as_view(url_name="schema"))

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/health", health, name="health"),
    # In the order of how often they are asked: addresses are tried one after the other.
    path("api/v1/", include("vaults.urls")),
    path("api/v1/", include("sharing.urls")),
    path("api/v1/", include("accounts.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", docs, name="docs"),
]

if settings.MAIL_PAGE:
    urlpatterns += [path("mail/", mailbox, name="mail")]

urlpatterns += [
    re_path(r"^(?!api/|static/|mail(?:/|$))", client, name="client"),
]
