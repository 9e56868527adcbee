"""Addresses under `/api/v1/`. allauth's own lists are not mounted: its stages are driven here."""

from django.urls import path

from accounts import api

urlpatterns = [
    path("session", api.SessionView.as_view(), name="session"),
    path("sessions", api.SessionListView.as_view(), name="session-list"),
    path("sessions/<int:session_id>", api.SessionDetailView.as_view(), name="session-detail"),
    path("signup/start", api.SignupStartView.as_view(), name="signup-start"),
    path("signup/finish", api.SignupFinishView.as_view(), name="signup-finish"),
    path("signup/verify", api.SignupVerifyView.as_view(), name="signup-verify"),
    path("signup/resend", api.SignupResendView.as_view(), name="signup-resend"),
    path("login/start", api.LoginStartView.as_view(), name="login-start"),
    path("login/finish", api.LoginFinishView.as_view(), name="login-finish"),
    path("login/email", api.LoginEmailView.as_view(), name="login-email"),
    path("login/second_factor", api.LoginSecondFactorView.as_view(), name="login-second-factor"),
    path("login/link", api.LoginLinkView.as_view(), name="login-link"),
    path("login/device", api.LoginDeviceView.as_view(), name="login-device"),
    path("unlock/start", api.UnlockStartView.as_view(), name="unlock-start"),
    path("unlock/finish", api.UnlockFinishView.as_view(), name="unlock-finish"),
    path("password/start", api.PasswordStartView.as_view(), name="password-start"),
    path("password/finish", api.PasswordFinishView.as_view(), name="password-finish"),
    path("account/bundle", api.BundleView.as_view(), name="account-bundle"),
    path("account/pins", api.PinsView.as_view(), name="account-pins"),
    path("account/settings", api.SettingsView.as_view(), name="account-settings"),
    path("account/kit_saved", api.KitSavedView.as_view(), name="account-kit-saved"),
]
