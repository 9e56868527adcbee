"""What every view of the API is."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.views import APIView


class Endpoint(APIView):
    """A view that is gone with its request.

    DRF's view keeps request and response, the request keeps the view, and the answer its context:
    rings, which wait for the collector with up to 4 MB of a body and 10 of an answer in them.
    """

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Open the rings once the answer is made; nothing asks for these again."""
        response = super().dispatch(request, *args, **kwargs)
        self.request.parser_context.clear()
        del self.response
        return response
