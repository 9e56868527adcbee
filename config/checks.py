"""What must hold before anything starts. Each line names the setting and what to do."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured

MIN_SECRET_CHARACTERS = 50


def refuse_to_start(settings: Any) -> None:
    """Raise if the settings must not be run with.

    Raises:
        ImproperlyConfigured: with every reason at once, one a line.
    """
    reasons = problems_anywhere(settings)
    if settings.PRODUCTION:
        reasons += problems_in_production(settings)
    if reasons:
        raise ImproperlyConfigured("Coffret does not start:\n- " + "\n- ".join(reasons))


def problems_anywhere(settings: Any) -> list[str]:
    """Return what is wrong on a laptop too: the policy the pages live under."""
    reasons = []
    middleware = list(settings.MIDDLEWARE)
    csp, static = "config.headers.PolicyMiddleware", "whitenoise.middleware.WhiteNoiseMiddleware"
    if csp not in middleware:
        reasons.append("The Content-Security-Policy is off: its middleware is missing.")
    elif static in middleware and middleware.index(csp) > middleware.index(static):
        reasons.append("WhiteNoise stands before the CSP: its answers would carry none.")
    directives = (getattr(settings, "CONTENT_SECURITY_POLICY", None) or {}).get("DIRECTIVES", {})
    if "'unsafe-inline'" in str(directives) or "'unsafe-eval'" in str(directives):
        reasons.append("CONTENT_SECURITY_POLICY allows inline scripts or eval.")
    if "script-src" not in directives or "require-trusted-types-for" not in directives:
        reasons.append("CONTENT_SECURITY_POLICY lacks script-src or Trusted Types.")
    if getattr(settings, "CONTENT_SECURITY_POLICY_REPORT_ONLY", None):
        reasons.append("CONTENT_SECURITY_POLICY_REPORT_ONLY is set: only report is not a policy.")
    if middleware[:1] != ["config.proxy.ClientMiddleware"]:
        reasons.append("The middleware that finds the client's address does not stand first.")
    if any(network.prefixlen == 0 for network in settings.TRUSTED_PROXIES):
        reasons.append("COFFRET_TRUSTED_PROXIES trusts every address: name the proxies' own.")
    if len(settings.SECRET_KEY) < MIN_SECRET_CHARACTERS:
        reasons.append(f"COFFRET_SECRET_KEY is shorter than {MIN_SECRET_CHARACTERS} characters.")
    return reasons


def problems_in_production(settings: Any) -> list[str]:
    """Return what is fine on a laptop only."""
    reasons = []
    if settings.DEBUG:
        reasons.append("COFFRET_DEBUG is on in production.")
    if settings.KMS_PROVIDER == "local":
        reasons.append("COFFRET_KMS is local: in production a key file is no KMS. Set aws.")
    if settings.MAIL_PAGE:
        reasons.append("COFFRET_MAIL_PAGE is on: it would show everybody's mails.")
    if not settings.PUBLIC_URL.startswith("https://"):
        reasons.append("COFFRET_PUBLIC_URL must start with https:// in production.")
    if embedded_database(settings) or settings.CACHE_URL.startswith("unix:"):
        reasons.append("DATABASE_URL or REDIS_URL is an embedded service under COFFRET_DATA.")
    if not settings.SECURE_HSTS_SECONDS:
        reasons.append("SECURE_HSTS_SECONDS is 0: browsers would try http again.")
    if "*" in settings.ALLOWED_HOSTS:
        reasons.append("COFFRET_HOSTS takes any host.")
    return reasons


def embedded_database(settings: Any) -> bool:
    """Return whether PostgreSQL's socket lies in our own data folder."""
    host = str(settings.DATABASES["default"]["HOST"])
    return host.startswith(str(settings.DATA_FOLDER) + "/")
