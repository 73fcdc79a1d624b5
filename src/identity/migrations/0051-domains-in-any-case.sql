-- Logins find a domain by its name in any case.
create index domains_by_name_in_any_case on identity.projects (lower(name)) where is_domain;
