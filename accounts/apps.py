from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Models are loaded by now, which these need.
        from allauth.account.signals import user_logged_in  # noqa: PLC0415
        from allauth.usersessions.signals import on_user_logged_in  # noqa: PLC0415
        from django.contrib.auth import signals  # noqa: PLC0415

        from accounts.sessions import note_session  # noqa: PLC0415

        user_logged_in.disconnect(on_user_logged_in)
        # The log says when somebody signed in; a column that says it again costs a write.
        signals.user_logged_in.disconnect(dispatch_uid="update_last_login")
        user_logged_in.connect(note_session)
