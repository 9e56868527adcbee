"""An index by what an event is about is dropped: nothing asks by it, and every event paid for it."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_append")]

    operations = [migrations.RemoveIndex("AuditEvent", "event_by_subject")]
