"""What ends a change one of whose items is another vault's, and the statement with it."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION vaults_stored(items bigint, asked integer, rest bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    -- `rest` is only counted: so it is written before the statement goes on.
    IF items <> asked THEN
        RAISE unique_violation USING
            MESSAGE = 'an item of this id is another vault''s', CONSTRAINT = 'item_of_one_vault';
    END IF;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("vaults", "0002_links_stay")]

    operations = [
        migrations.RunSQL(FORWARD, "DROP FUNCTION vaults_stored(bigint, integer, bigint);")
    ]
