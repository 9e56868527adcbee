"""`./dev bench`: what Coffret costs, measured on the product as it runs.

Django is set up here only because the builders of the tests use its models' types; nothing in
this process talks to a database but the measuring of sizes.
"""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()
