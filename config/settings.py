"""All settings, read once from the environment by typed readers.

`./dev run` fills in what is missing for one machine; README.md lists what production sets.
"""

from pathlib import Path

from csp.constants import NONE, SELF

from config.env import (
    database_from_url,
    envbool,
    envchoice,
    envint,
    envlist,
    envnetworks,
    envsecret,
    envstr,
    redis_databases,
)

BASE_DIR = Path(__file__).resolve().parent.parent

# --- Where we are -----------------------------------------------------------------------

COFFRET_ENV = envchoice("COFFRET_ENV", ("embedded", "test", "production"), "production")
PRODUCTION = COFFRET_ENV == "production"
DEBUG = envbool("COFFRET_DEBUG", default=False)
SECRET_KEY = envsecret("COFFRET_SECRET_KEY")
ALLOWED_HOSTS = envlist("COFFRET_HOSTS", ("localhost", "127.0.0.1", "[::1]"))
PUBLIC_URL = envstr("COFFRET_PUBLIC_URL", "http://localhost:8000").rstrip("/")
# Files that this process keeps beside the database: mails, the local KMS key.
DATA_FOLDER = Path(envstr("COFFRET_DATA", "/var/lib/coffret"))

# --- What is installed ------------------------------------------------------------------

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.headless",
    "allauth.mfa",
    "allauth.usersessions",
    "csp",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "audit",
    "accounts",
    "vaults",
    "sharing",
    "config",
]

MIDDLEWARE = [
    # First: it says whose address and which scheme the others see.
    "config.proxy.ClientMiddleware",
    "django.middleware.security.SecurityMiddleware",
    # Before WhiteNoise, which answers by itself: what stands after it adds no header.
    "config.headers.PolicyMiddleware",
    "config.headers.IsolationHeadersMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.errors.ProblemMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "accounts.authentication.SessionAccountMiddleware",
    "audit.middleware.OriginMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.limits.BodyLimitMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": ["django.template.context_processors.request"],
            "builtins": ["config.templatetags.client"],
        },
    }
]

# --- Database, cache, queue -------------------------------------------------------------

_DATABASE = database_from_url(envsecret("DATABASE_URL"))
# Values go beside the statement, as bytes: psycopg would write them into its text in Python, which
# took a seventh of the CPU of a write.
_DATABASE["OPTIONS"]["server_side_binding"] = True
# A statement that came five times on a connection is prepared: PostgreSQL reads and plans it once.
# A pooler in front has to know prepared statements (PgBouncer does since 1.21).
_DATABASE["OPTIONS"]["prepare_threshold"] = 5
DATABASES = {
    "default": {
        **_DATABASE,
        "CONN_MAX_AGE": 60,  # seconds
        "CONN_HEALTH_CHECKS": True,
        # Services open their own transactions, after the slow work (style rule 3).
        "ATOMIC_REQUESTS": False,
    }
}

CELERY_BROKER_URL, CACHE_URL = redis_databases(envsecret("REDIS_URL"))
CACHES = {
    "default": {
        "BACKEND": "config.cache.ValkeyCache",
        "LOCATION": CACHE_URL,
        "KEY_PREFIX": "coffret",
        "OPTIONS": {"serializer": "config.cache.JsonSerializer"},
    }
}

# A task lost with its worker is delivered again; so every task may run twice.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_TIME_LIMIT = 600  # seconds
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 900,  # seconds; above the time limit of a task
    "unacked_restore_interval": 1,  # seconds
    "unacked_restore_throttle": 1,
}
CELERY_TIMEZONE = "UTC"

# --- Sessions, cookies, people ----------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.authentication.AccountBackend"]
# No password is ever set: people sign in by OPAQUE, and the server sees none.
AUTH_PASSWORD_VALIDATORS: list[dict[str, str]] = []
PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]

SESSION_ENGINE = "accounts.session_store"
SESSION_COOKIE_NAME = "__Host-coffret"
SESSION_COOKIE_SECURE = True
SESSION_COOKIE_HTTPONLY = True
# Lax, so that a link in a mail opens the page of a person who is signed in.
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = envint("COFFRET_SESSION_SECONDS", 14 * 86_400, low=300, high=90 * 86_400)
CSRF_COOKIE_NAME = "__Host-coffret-csrf"
CSRF_COOKIE_SECURE = True
CSRF_COOKIE_SAMESITE = "Strict"
CSRF_FAILURE_VIEW = "config.errors.csrf_failure"
CSRF_TRUSTED_ORIGINS = envlist("COFFRET_TRUSTED_ORIGINS")

ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*"]
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
HEADLESS_ONLY = True
HEADLESS_CLIENTS = ("browser",)
# allauth mounts none of its routes here, so it may name no page of ours but these.
# No page resets a password, and allauth's routes for it are not mounted.
HEADLESS_FRONTEND_URLS = {
    "account_confirm_email": f"{PUBLIC_URL}/signup",
    "account_signup": f"{PUBLIC_URL}/signup",
}
MFA_ADAPTER = "accounts.adapter.MfaAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
USERSESSIONS_TRACK_ACTIVITY = False  # it would write a row on every request

# --- Mail -------------------------------------------------------------------------------

# The page that shows sent mails to whoever sits at this machine.
MAIL_PAGE = envbool("COFFRET_MAIL_PAGE", default=False)
MAIL_FOLDER = DATA_FOLDER / "mail"
EMAIL_BACKEND = (
    "config.mailbox.FolderBackend" if MAIL_PAGE else "django.core.mail.backends.smtp.EmailBackend"
)
DEFAULT_FROM_EMAIL = envstr("COFFRET_MAIL_FROM", "Coffret <coffret@localhost>")
EMAIL_HOST = envstr("COFFRET_SMTP_HOST", "localhost")
EMAIL_PORT = envint("COFFRET_SMTP_PORT", 587, low=1, high=65_535)
EMAIL_HOST_USER = envstr("COFFRET_SMTP_USER", "")
EMAIL_HOST_PASSWORD = envsecret("COFFRET_SMTP_PASSWORD", "")
EMAIL_USE_TLS = envbool("COFFRET_SMTP_STARTTLS", default=True)
EMAIL_TIMEOUT = 10  # seconds
# How long somebody waits to be let in before mails say so; below the queue's visibility timeout.
WAITING_MAIL_SECONDS = envint("COFFRET_WAITING_MAIL_SECONDS", 60, low=0, high=600)

# --- KMS --------------------------------------------------------------------------------

KMS_PROVIDER = envchoice("COFFRET_KMS", ("local", "aws"), "local")
KMS_LOCAL_KEY_FILE = DATA_FOLDER / "local-kms.key"
_AWS = KMS_PROVIDER == "aws"
KMS_REGION = envstr("COFFRET_KMS_REGION") if _AWS else ""
KMS_MASTER_KEY = envstr("COFFRET_KMS_MASTER_KEY") if _AWS else ""  # ARN, AES-256
KMS_LOGIN_KEY = envstr("COFFRET_KMS_LOGIN_KEY") if _AWS else ""  # ARN, HMAC-512
# How calls are tried again: web soon gives up, worker waits.
KMS_PROFILE = envchoice("COFFRET_KMS_PROFILE", ("web", "worker"), "web")
KMS_ENDPOINT = envstr("COFFRET_KMS_ENDPOINT", "")  # for a VPC endpoint or an emulator
# How long an opened KEK stays in a process, give or take a fifth (design claim C5).
KEK_CACHE_SECONDS = envint("COFFRET_KEK_CACHE_SECONDS", 300, low=1, high=300)

# --- What goes out ----------------------------------------------------------------------

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

STATIC_URL = "/static/"
# The built client only, never the folder above it: that holds sources and packages.
STATICFILES_DIRS = [BASE_DIR / "static" / "dist"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
]
# Served from where it was built; nothing is collected into a second place.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
WHITENOISE_IMMUTABLE_FILE_TEST = r"^/static/assets/.+-[A-Za-z0-9_-]{8}\.[a-z0-9]+$"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        # WebAssembly (libsodium, OPAQUE) needs this one; 'unsafe-eval' it does not.
        "script-src": [SELF, "'wasm-unsafe-eval'"],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "worker-src": [SELF],
        "manifest-src": [SELF],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "require-trusted-types-for": ["'script'"],
        # Svelte makes its templates through the first, we name our worker by the second.
        "trusted-types": ["svelte-trusted-html", "coffret-worker"],
    }
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "no-referrer"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 2 * 365 * 86_400 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = PRODUCTION
SECURE_SSL_REDIRECT = PRODUCTION
SECURE_REDIRECT_EXEMPT = [r"^api/health$"]
# Whose X-Forwarded-For and X-Forwarded-Proto are believed (config/proxy.py).
BEHIND_PROXY = envbool("COFFRET_BEHIND_PROXY", default=False)
_PROXIES = envnetworks("COFFRET_TRUSTED_PROXIES", ("127.0.0.0/8", "::1"))
TRUSTED_PROXIES = _PROXIES if BEHIND_PROXY else ()
X_FRAME_OPTIONS = "DENY"

# Bodies: config/limits.py asks each view; this is the most that any of them may allow.
MAX_BODY_BYTES = 64 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 100

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.BrowserSession"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["accounts.wire.WireJsonRenderer", "accounts.wire.CborRenderer"],
    "DEFAULT_PARSER_CLASSES": ["accounts.wire.WireJsonParser", "accounts.wire.CborParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "config.errors.exception_handler",
    # What is asked for is said by Accept alone, and OPTIONS is no method of this API.
    "URL_FORMAT_OVERRIDE": None,
    "DEFAULT_METADATA_CLASS": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Coffret",
    "DESCRIPTION": (
        "The API between the browser client and the server. Bodies and answers are JSON or CBOR, "
        "by Content-Type and Accept. Every request that is no GET needs the header X-CSRFToken "
        "with the token that GET session gives, and a Content-Length. A client that knows whose "
        "it is says so in X-Coffret-Account, the account's id in hex: in a session of anybody "
        "else the request is then answered as if nobody were signed in. Errors are "
        "application/problem+json, in either case: read `code`, titles may change. Any address may "
        "answer 405 method_not_allowed, 413 too_large, and 500 server_error if the server failed. "
        "In the examples the sizes are right and the bytes made up."
    ),
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "POSTPROCESSING_HOOKS": [
        "accounts.schema.describe_cbor",
        "accounts.schema.describe_waits",
    ],
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # It is for reading: no button sends a request in the reader's name.
    "SWAGGER_UI_SETTINGS": {"supportedSubmitMethods": [], "deepLinking": True},
}

# --- Log --------------------------------------------------------------------------------

LOG_FORMAT = envchoice("COFFRET_LOG", ("json", "console"), "json")
LOGGING_CONFIG = "config.log.configure"
LOGGING = {"format": LOG_FORMAT}
