-- Limits that differ from the defaults. `user_id` is empty for a project's own; -1 is no limit.
create table compute.quotas (
  project_id text not null,
  user_id text not null default '',
  resource text not null,
  hard_limit integer not null constraint quotas_limit check (hard_limit >= -1),
  primary key (project_id, user_id, resource)
);
-- Of classes the API knows any name; `default` changes the defaults of all projects.
create table compute.quota_classes (
  class text not null,
  resource text not null,
  hard_limit integer not null constraint quota_classes_limit check (hard_limit >= -1),
  primary key (class, resource)
);
