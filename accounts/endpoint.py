"""What every view of the API is."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.response import Response
from rest_framework.views import APIView


class Endpoint(APIView):
    """A view that is gone with its request.

    DRF's view keeps request and response, the request keeps the view, the answer its context, and
    Django gives a view that has `get` itself once more, as `head`: rings, which wait for the
    collector with up to 4 MB of a body and 10 of an answer in them.
    """

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Open the rings once the answer is made; nothing asks for these again."""
        response = super().dispatch(request, *args, **kwargs)
        self.request.parser_context.clear()
        del self.response
        vars(self).pop("head", None)
        if isinstance(response, Response):
            response.add_post_render_callback(_forget_context)
        return response


def _forget_context(response: Response) -> None:
    """Rendering puts the answer itself into the context that the answer keeps."""
    vars(response)["renderer_context"].clear()
