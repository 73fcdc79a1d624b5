-- Definitions of metadata: which properties of images, flavors, volumes … have a meaning, and which values.
create table image.metadef_namespaces (
  id uuid primary key default gen_random_uuid(),
  namespace text not null constraint metadef_namespace_once unique,
  display_name text,
  description text,
  visibility text not null constraint metadef_visibility check (visibility in ('public', 'private')),
  protected boolean not null,
  owner text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index metadef_namespaces_newest on image.metadef_namespaces (created_at desc, id desc);

-- What a namespace holds: objects, properties and tags, each with a name of its own.
create table image.metadef_items (
  namespace_id uuid not null references image.metadef_namespaces (id) on delete cascade,
  kind text not null constraint metadef_kind check (kind in ('object', 'property', 'tag')),
  name text not null,
  content jsonb not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint metadef_item_once primary key (namespace_id, kind, name)
);

create table image.metadef_resource_types (
  name text primary key,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
insert into image.metadef_resource_types (name) values
  ('OS::Cinder::Snapshot'), ('OS::Cinder::Volume'), ('OS::Glance::Image'), ('OS::Nova::Aggregate'),
  ('OS::Nova::Flavor'), ('OS::Nova::Server');

create table image.metadef_associations (
  namespace_id uuid not null references image.metadef_namespaces (id) on delete cascade,
  resource_type text not null references image.metadef_resource_types (name),
  prefix text,
  properties_target text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint metadef_association_once primary key (namespace_id, resource_type)
);
