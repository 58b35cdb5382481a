"""What uvicorn runs: HTTP to Django, /ws/ to the consumers, and the feed for as long as the process lives."""

import os
import warnings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hacluster.settings")

from django.core.asgi import get_asgi_application

_django = get_asgi_application()

from channels.auth import AuthMiddlewareStack  # noqa: E402  (needs Django to be set up)
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.urls import path  # noqa: E402

from webui.consumers import LiveConsumer  # noqa: E402
from webui.feed import feed  # noqa: E402

# Files of the console are small and lie on the local disk: reading them in a thread's turn is what is wanted here.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")

_router = ProtocolTypeRouter(
    {
        "http": _django,
        "websocket": AuthMiddlewareStack(URLRouter([path("ws/live", LiveConsumer.as_asgi())])),
    }
)


async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        await _live(receive, send)
    else:
        await _router(scope, receive, send)


async def _live(receive, send):
    """The feed starts before the first request is answered and ends after the last one."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            feed.start()
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await feed.stop()
            await send({"type": "lifespan.shutdown.complete"})
            return
