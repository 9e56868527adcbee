"""A link of a vault is never changed and never deleted; ciphertext is stored as it came.

`STORAGE EXTERNAL`: sealed bytes do not compress, and trying costs time at every write.
"""

from django.db import migrations

FORWARD = """
ALTER SEQUENCE vaults_vault_number OWNED BY vaults_vault.number;

CREATE TRIGGER vault_link_keep BEFORE UPDATE OR DELETE ON vaults_vaultlink
    FOR EACH ROW EXECUTE FUNCTION chain_link_keep();

ALTER TABLE vaults_vaultlink ALTER COLUMN signed SET STORAGE EXTERNAL;
ALTER TABLE vaults_item
    ALTER COLUMN overview SET STORAGE EXTERNAL, ALTER COLUMN details SET STORAGE EXTERNAL;
ALTER TABLE vaults_revision
    ALTER COLUMN overview SET STORAGE EXTERNAL, ALTER COLUMN details SET STORAGE EXTERNAL;
ALTER TABLE vaults_grant ALTER COLUMN blob SET STORAGE EXTERNAL;
ALTER TABLE vaults_olddek ALTER COLUMN blob SET STORAGE EXTERNAL;
"""


class Migration(migrations.Migration):
    dependencies = [("vaults", "0001_vaults"), ("accounts", "0004_team_links_stay")]

    operations = [
        migrations.RunSQL(FORWARD, "DROP TRIGGER vault_link_keep ON vaults_vaultlink;")
    ]
