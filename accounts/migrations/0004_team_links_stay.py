"""Triggers: a link of a team is never changed and never deleted; a head only moves forward.

They stop mistakes and an application that was taken over, not whoever owns the tables. There is no
trigger against TRUNCATE, which only the owner may do: the tests empty their tables by it.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION chain_link_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'links of a chain are neither changed nor deleted';
END $$;

CREATE TRIGGER team_link_keep BEFORE UPDATE OR DELETE ON accounts_teamlink
    FOR EACH ROW EXECUTE FUNCTION chain_link_keep();

ALTER TABLE accounts_teamlink ALTER COLUMN signed SET STORAGE EXTERNAL;
"""

BACKWARD = """
DROP TRIGGER team_link_keep ON accounts_teamlink;
DROP FUNCTION chain_link_keep();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_team")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
