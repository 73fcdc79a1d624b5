-- Users find their access rules in the order in which they made them, in lists and in application credentials alike.
alter table identity.access_rules add column ordinal bigint generated always as identity unique;
