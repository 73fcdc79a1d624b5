-- How far a snapshot is, as its owner or a service reports it: '0%' to '100%'.
alter table volume.snapshots add column progress text not null default '0%';
update volume.snapshots set progress = '100%' where status = 'available';
