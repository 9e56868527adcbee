"""Every address. What is not under /api/, /static/ or /mail/ is a page of the client.

allauth's URL lists are not mounted, on purpose: several of their routes take a password.
"""

from django.conf import settings
from django.urls import URLPattern, URLResolver, path, re_path

from config.mailbox import mailbox
from config.pages import client, health

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/health", health, name="health"),
]

if settings.MAIL_PAGE:
    urlpatterns += [path("mail/", mailbox, name="mail")]

urlpatterns += [
    re_path(r"^(?!api/|static/|mail(?:/|$))", client, name="client"),
]
