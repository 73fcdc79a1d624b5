-- Volume types: what a user may choose from, and what the scheduler asks of a back end for it.
create schema if not exists volume;

create table volume.types (
  id uuid primary key,
  name text not null constraint types_name_key unique,
  description text,
  is_public boolean not null default true,
  extra_specs jsonb not null default '{}',
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz
);

-- Projects that may use a type that is not public.
create table volume.type_access (
  type_id uuid not null references volume.types (id) on delete cascade,
  project_id text not null,
  created_at timestamptz not null default clock_timestamp(),
  constraint type_access_pkey primary key (type_id, project_id)
);

-- The type that a project's volumes get when the request names none.
create table volume.default_types (
  project_id text primary key,
  type_id uuid not null constraint default_types_type references volume.types (id)
);

-- Every volume has a type; this one stands in where nobody chose, and cannot be deleted.
insert into volume.types (id, name, description) values (gen_random_uuid(), '__DEFAULT__', 'Default Volume Type');
