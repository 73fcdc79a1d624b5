-- What is left of a story that has ended: its steps, when, and what went wrong. The workflow's own records, which hold what
-- each step answered, go soon after.
create table durable.spans (
  story_id uuid not null,
  number integer not null,
  step text not null,
  started_at timestamptz not null,
  finished_at timestamptz not null,
  error text,
  primary key (story_id, number)
);
