"""The function that numbers, times, chains and stores one event, under the lock of its head.

In the database, so that a head is locked by one message and until COMMIT, and for no answer to the
application in between. The bytes are those of README.md; `verify_chain` in Python checks them.
"""

from django.db import migrations

FORWARD = r"""
CREATE FUNCTION audit_cbor_uint(n bigint) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT CASE
        WHEN n < 24 THEN substr(int8send(n), 8)
        WHEN n < 256 THEN '\x18'::bytea || substr(int8send(n), 8)
        WHEN n < 65536 THEN '\x19'::bytea || substr(int8send(n), 7)
        WHEN n < 4294967296 THEN '\x1a'::bytea || substr(int8send(n), 5)
        ELSE '\x1b'::bytea || int8send(n)
    END
$$;

CREATE FUNCTION audit_append(
    of_kind text, of_scope uuid, event_id uuid, event_action text, event_actor uuid,
    event_member bytea, event_subject bytea, core_rest bytea, event_personal_hash bytea,
    event_salt bytea, event_personal bytea
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    before record;
    event_at timestamptz;
    event_core bytea;
    event_leaf bytea;
BEGIN
    SELECT seq + 1 AS seq, head INTO before
    FROM audit_audithead WHERE scope_kind = of_kind AND scope_id = of_scope FOR UPDATE;
    IF NOT FOUND THEN
        -- The scope's first event, here or in another process at this moment.
        INSERT INTO audit_audithead (scope_kind, scope_id, seq, head)
        VALUES (of_kind, of_scope, 0, decode(repeat('00', 32), 'hex'))
        ON CONFLICT (scope_kind, scope_id) DO NOTHING;
        SELECT seq + 1 AS seq, head INTO before
        FROM audit_audithead WHERE scope_kind = of_kind AND scope_id = of_scope FOR UPDATE;
    END IF;
    -- Read under the lock, so that within one scope later numbers have later times.
    event_at := date_trunc('milliseconds', clock_timestamp());
    -- A map of 11: v = 1, at, id, seq, and the rest in canonical order.
    event_core := '\xab617601626174'::bytea
        || audit_cbor_uint((extract(epoch FROM event_at) * 1000)::bigint)
        || '\x62696450'::bytea || uuid_send(event_id)
        || '\x63736571'::bytea || audit_cbor_uint(before.seq)
        || core_rest;
    event_leaf := sha256(
        'coffret/audit/v1'::bytea || before.head || int4send(length(event_core)) || event_core
        || event_personal_hash
    );
    UPDATE audit_audithead SET seq = before.seq, head = event_leaf
    WHERE scope_kind = of_kind AND scope_id = of_scope;
    INSERT INTO audit_auditevent (
        scope_kind, scope_id, at, id, seq, action, actor_id, member_id, subject,
        core, prev, leaf, personal_hash, salt, personal
    ) VALUES (
        of_kind, of_scope, event_at, event_id, before.seq, event_action, event_actor,
        event_member, event_subject, event_core, before.head, event_leaf, event_personal_hash,
        event_salt, event_personal
    );
END $$;
"""

BACKWARD = """
DROP FUNCTION audit_append(
    text, uuid, uuid, text, uuid, bytea, bytea, bytea, bytea, bytea, bytea
);
DROP FUNCTION audit_cbor_uint(bigint);
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_append_only")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
