-- How many times identity's data have changed. Each change raises it in its own transaction, so whoever reads the same
-- number twice has missed nothing in between, whichever process made the changes.
create table identity.revision (
  only_one boolean primary key default true constraint revision_is_one check (only_one),
  count bigint not null
) with (fillfactor = 10);
insert into identity.revision (count) values (1);
