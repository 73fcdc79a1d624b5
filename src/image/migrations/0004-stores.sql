-- Several stores: where the bytes of an image lie, where an import brings them to, and where the last one could not.
alter table image.images
  add column stores text[] not null default '{}',
  -- Both null until a first import.
  add column importing_to text[],
  add column failed_stores text[],
  -- The story that imports or copies: one at a time.
  add column import_task uuid;

update image.images set stores = '{file}' where status in ('active', 'deactivated');
update image.images set importing_to = '{}', failed_stores = '{file}' where import_failed;
update image.images i
   set importing_to = '{file}', failed_stores = '{}',
       import_task = (select t.id from image.tasks t
                       where t.image_id = i.id and t.status in ('pending', 'processing') order by t.created_at limit 1)
 where status = 'importing';

alter table image.images drop column import_failed;
create index images_importing on image.images (import_task) where import_task is not null;
