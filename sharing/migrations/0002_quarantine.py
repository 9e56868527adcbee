"""Where `manage.py chain_cut` moves rows; what stands there is neither changed nor deleted."""

import django.db.models.functions.datetime
from django.db import migrations, models


FORWARD = """
CREATE TRIGGER quarantine_keep BEFORE UPDATE OR DELETE ON sharing_quarantinedrow
    FOR EACH ROW EXECUTE FUNCTION chain_link_keep();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('sharing', '0001_joining'),
        ('accounts', '0004_team_links_stay'),
    ]

    operations = [
        migrations.CreateModel(
            name='QuarantinedRow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('team_id', models.UUIDField(db_index=True)),
                ('chain_id', models.UUIDField()),
                ('refusal', models.CharField(max_length=32)),
                ('moved_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('table', models.CharField(max_length=63)),
                ('row', models.JSONField()),
            ],
        ),
        migrations.RunSQL(FORWARD, "DROP TRIGGER quarantine_keep ON sharing_quarantinedrow;"),
    ]
