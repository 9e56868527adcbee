"""One way to log: structlog, as JSON lines or for a terminal; the standard library goes through it.

Nothing here may print a request's body, query, cookie or header: none of them is bound.
"""

import logging.config
from typing import Any

import structlog
from structlog.types import Processor


def configure(options: dict[str, Any]) -> None:
    """Set up structlog and `logging`; `options["format"]` is "json" or "console"."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    last: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if options["format"] == "json":
        last += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        # Without the local variables of each frame: they may hold a key.
        plain = structlog.dev.plain_traceback
        last += [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=plain)]
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "structlog": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": shared,
                    "processors": last,
                }
            },
            "handlers": {"out": {"class": "logging.StreamHandler", "formatter": "structlog"}},
            "root": {"handlers": ["out"], "level": "INFO"},
            "loggers": {
                # These print parts of requests and of AWS answers below WARNING.
                "botocore": {"level": "WARNING"},
                "urllib3": {"level": "WARNING"},
                "django.db.backends": {"level": "WARNING"},
            },
        }
    )
