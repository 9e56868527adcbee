"""The page that holds the client, and the answer of a server that is up."""

from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe


@require_safe
@never_cache
@ensure_csrf_cookie
def client(request: HttpRequest) -> HttpResponse:
    """Serve the client for every address of a page; the client reads the address itself."""
    return render(request, "app.html")


@require_safe
@never_cache
def health(_request: HttpRequest) -> HttpResponse:
    """Answer 200 if the database does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"status": "ok"})
