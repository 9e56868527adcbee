"""What ends a change one of whose items is another vault's, and the statement with it."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION vaults_stored(stored bigint, asked integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF stored <> asked THEN
        RAISE unique_violation USING MESSAGE = 'an item of this id is another vault''s';
    END IF;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("vaults", "0002_links_stay")]

    operations = [
        migrations.RunSQL(FORWARD, "DROP FUNCTION vaults_stored(bigint, integer);")
    ]
