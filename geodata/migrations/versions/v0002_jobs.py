"""The table of jobs: what the service was asked to import or compute, and what came of it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

SCHEMA = "phusong"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "job",
        sa.Column("job_id", sa.Text, primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("kind", "asked", "input_sha256", "caller", "state")),
        *(sa.Column(name, sa.Text) for name in ("idempotency_key", "worker", "stage", "report", "imports")),
        *(
            sa.Column(name, sa.Integer, nullable=False)
            for name in ("attempt", "cancel_asked", "steps_done", "steps_all")
        ),
        sa.Column("created_s", sa.Double, nullable=False),
        *(sa.Column(name, sa.Double) for name in ("started_s", "ended_s", "lease_until_s", "stage_since_s")),
        sa.UniqueConstraint("caller", "idempotency_key"),
        schema=SCHEMA,
    )


def downgrade() -> None:
    """Take the table away; jobs that wait are lost."""
    op.drop_table("job", schema=SCHEMA)
