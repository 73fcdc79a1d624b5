-- A registered limit stays when its service or region goes: clients remove it themselves afterwards.
alter table identity.registered_limits
  drop constraint registered_limits_service_id_fkey,
  drop constraint registered_limits_region_id_fkey;
