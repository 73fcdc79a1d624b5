/** A typed guest description to libvirt's XML. */
export {
  diskXml,
  domainXml,
  interfaceXml,
  METADATA_NAMESPACE,
  METADATA_PREFIX,
  secretXml,
} from './domain-xml.ts'
export type {
  FileDisk,
  GuestCpu,
  GuestDisk,
  GuestFirmware,
  GuestInterface,
  GuestMetadata,
  GuestSerial,
  GuestSpec,
  GuestSysinfo,
  GuestWatchdog,
  IscsiDisk,
  SecretSpec,
} from './spec.ts'
export { InvalidGuest } from './xml.ts'
