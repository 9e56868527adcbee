"""Triggers: an event is never deleted, and changed only by erasing its personal part.

They stop mistakes and an application that was taken over, not whoever owns the tables: that one
can drop them, and is found by the chain. There is no trigger against TRUNCATE, which only the
owner may do: the tests empty their tables by it.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION audit_event_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'audit events are never deleted';
    END IF;
    OLD.salt := NULL;
    OLD.personal := NULL;
    IF NEW IS DISTINCT FROM OLD THEN
        RAISE EXCEPTION 'of an audit event only the personal part may be erased';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER audit_event_keep BEFORE UPDATE OR DELETE ON audit_auditevent
    FOR EACH ROW EXECUTE FUNCTION audit_event_keep();

CREATE FUNCTION audit_head_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'audit heads are never deleted';
    END IF;
    IF NEW.id <> OLD.id OR NEW.scope_kind <> OLD.scope_kind OR NEW.scope_id <> OLD.scope_id
        OR NEW.seq <= OLD.seq THEN
        RAISE EXCEPTION 'audit heads only move forward';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER audit_head_keep BEFORE UPDATE OR DELETE ON audit_audithead
    FOR EACH ROW EXECUTE FUNCTION audit_head_keep();
"""

BACKWARD = """
DROP TRIGGER audit_event_keep ON audit_auditevent;
DROP FUNCTION audit_event_keep();
DROP TRIGGER audit_head_keep ON audit_audithead;
DROP FUNCTION audit_head_keep();
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_log")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
