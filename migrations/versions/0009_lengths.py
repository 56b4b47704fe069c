"""Limits the length of texts that clients send. Longer ones are cut, or removed where a part of them has no meaning."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# The rules of core.characters and of the models at the time of this migration; a migration must not change with them.
_LONGEST = 255
_UNWANTED = "[\\u0001-\\u001f\\u007f-\\u009f\\u2028\\u2029]"
_NAMED = ("projects", "api_keys", "datasets", "jobs")
_COLUMNS = (
    "{data,text_column}",
    "{data,image,image_column}",
    "{data,image,label_column}",
    "{training,retention,keep_best}",
)
_CHECKS = (
    *((table, "name_length", f"char_length(name) BETWEEN 1 AND {_LONGEST}") for table in _NAMED),
    ("jobs", "spec_length", "octet_length(spec::text) <= 65536"),
    ("datasets", "statistics_length", "octet_length(statistics::text) <= 4194304"),
    ("dataset_files", "name_length", f"octet_length(name) BETWEEN 1 AND {_LONGEST}"),
    ("dataset_files", "report_length", "octet_length(report::text) <= 4194304"),
    ("idempotency", "key_length", f"char_length(key) <= {_LONGEST}"),
)


def upgrade() -> None:
    for table in _NAMED:
        clean = f"left(regexp_replace(name, '{_UNWANTED}', U&'\\FFFD', 'g'), {_LONGEST})"
        op.execute(f"UPDATE {table} SET name = {clean} WHERE name <> {clean}")  # noqa: S608 - constants above
    op.execute(
        "UPDATE jobs SET spec = jsonb_set(spec, '{name}', to_jsonb(name)) "
        "WHERE spec ->> 'name' IS NOT NULL AND spec ->> 'name' <> name"
    )
    for path in _COLUMNS:
        # No column and no metric has so long a name, so these values never matched anything.
        op.execute(
            f"UPDATE jobs SET spec = jsonb_set(spec, '{path}', 'null') "  # noqa: S608 - constants above
            f"WHERE char_length(spec #>> '{path}') NOT BETWEEN 1 AND {_LONGEST}"
        )
    op.execute(
        "UPDATE dataset_files SET report = jsonb_set(report, '{text_column}', 'null') "
        f"WHERE char_length(report ->> 'text_column') > {_LONGEST}"
    )
    op.execute(
        "UPDATE dataset_files SET report = report - 'ignored' - 'bad_samples' - 'classes' - 'names' "
        "WHERE octet_length(report::text) > 4194304"
    )
    op.execute(
        "UPDATE datasets SET statistics = statistics - 'classes' - 'bad_samples' - 'names' "
        "WHERE octet_length(statistics::text) > 4194304"
    )
    for table, name, condition in _CHECKS:
        op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, condition)


def downgrade() -> None:
    for table, name, _ in reversed(_CHECKS):
        op.drop_constraint(op.f(f"ck_{table}_{name}"), table, type_="check")
