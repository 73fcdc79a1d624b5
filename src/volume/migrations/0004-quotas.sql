-- Limits that differ from the defaults in quotas.ts: of a project, or of a class (only `default` has an effect).
create table volume.quotas (
  project_id text not null,
  resource text not null,
  hard_limit integer not null,
  primary key (project_id, resource)
);
create table volume.quota_classes (
  class_name text not null,
  resource text not null,
  hard_limit integer not null,
  primary key (class_name, resource)
);
