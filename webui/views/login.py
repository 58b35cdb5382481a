"""Coming in and going out."""

from typing import Any

from django.contrib.auth.views import LoginView, LogoutView

from webui.feed import feed


class Login(LoginView):
    template_name = "login.html"
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_context_data(**kwargs), "node": feed.view.picture.node}


class Logout(LogoutView):
    http_method_names = ["post", "options"]
