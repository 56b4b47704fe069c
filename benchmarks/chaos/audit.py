"""Database triggers that record every forbidden write, so that the check does not depend on the code that it tests."""

from typing import Any

import psycopg

_SCHEMA = """
CREATE TABLE chaos_audit (id bigint GENERATED ALWAYS AS IDENTITY, kind text NOT NULL, job_id text NOT NULL, detail text NOT NULL);

CREATE FUNCTION chaos_fence() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE current record;
BEGIN
  SELECT attempt, state INTO current FROM jobs WHERE id = NEW.job_id;
  IF NEW.attempt <> current.attempt OR current.state <> 'running' THEN
    INSERT INTO chaos_audit (kind, job_id, detail)
    VALUES ('stale_write', NEW.job_id,
            format('%s: attempt %s wrote while the job was %s at attempt %s', TG_TABLE_NAME, NEW.attempt, current.state, current.attempt));
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER chaos_fence BEFORE INSERT OR UPDATE ON metric_points FOR EACH ROW EXECUTE FUNCTION chaos_fence();
CREATE TRIGGER chaos_fence BEFORE INSERT ON checkpoints FOR EACH ROW EXECUTE FUNCTION chaos_fence();

CREATE FUNCTION chaos_terminal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.state IN ('succeeded', 'failed', 'cancelled') THEN
    INSERT INTO chaos_audit (kind, job_id, detail)
    VALUES ('after_the_end', NEW.id, format('%s became %s', OLD.state, NEW.state));
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER chaos_terminal BEFORE UPDATE OF state ON jobs
  FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION chaos_terminal();

CREATE FUNCTION chaos_two_live() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.attempt <> OLD.attempt AND OLD.state = 'running' THEN
    INSERT INTO chaos_audit (kind, job_id, detail)
    VALUES ('two_live_attempts', NEW.id, format('attempt %s began while %s was running', NEW.attempt, OLD.attempt));
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER chaos_two_live BEFORE UPDATE OF attempt ON jobs FOR EACH ROW EXECUTE FUNCTION chaos_two_live();
"""


def install(connection: psycopg.Connection[Any]) -> None:
    """Add the triggers; the tables must exist."""
    connection.execute(_SCHEMA)


def findings(connection: psycopg.Connection[Any]) -> list[tuple[str, str, str]]:
    """(kind, job id, detail) of every write that should have been rejected."""
    rows = connection.execute("SELECT kind, job_id, detail FROM chaos_audit ORDER BY id").fetchall()
    return [(kind, job, detail) for kind, job, detail in rows]
