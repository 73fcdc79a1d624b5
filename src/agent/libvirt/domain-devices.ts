/**
 * Finds devices in a domain's XML as libvirt prints it. libvirt's own output is regular: one element a line, attributes
 * in single quotes, devices never nested in one another.
 */

/** The whole `<disk>` element whose target is `device`, as detaching wants it. */
export function diskElement(domainXml: string, device: string): string | undefined {
  return elements(domainXml, 'disk').find((element) => attribute(element, 'target', 'dev') === device)
}

export function interfaceElement(domainXml: string, macAddress: string): string | undefined {
  const mac = macAddress.toLowerCase()
  return elements(domainXml, 'interface').find((element) => attribute(element, 'mac', 'address')?.toLowerCase() === mac)
}

/** Names of devices that the domain has, `vda`, `hdd`, in order. */
export function diskDevices(domainXml: string): string[] {
  return elements(domainXml, 'disk').flatMap((element) => attribute(element, 'target', 'dev') ?? [])
}

export function macAddresses(domainXml: string): string[] {
  return elements(domainXml, 'interface').flatMap((element) => attribute(element, 'mac', 'address') ?? [])
}

/** uuids of the libvirt secrets that the domain's disks log in with. */
export function secretUuids(domainXml: string): string[] {
  return elements(domainXml, 'disk').flatMap((element) => attribute(element, 'secret', 'uuid') ?? [])
}

export function attribute(element: string, tag: string, name: string): string | undefined {
  return new RegExp(`<${tag}\\b[^>]*\\s${name}='([^']*)'`).exec(element)?.[1]
}

/** By device alias (`virtio-disk1`, `net0`), what the device is: alias events name nothing else. */
export function aliases(domainXml: string): Map<string, { kind: 'disk' | 'interface'; device: string }> {
  const found = new Map<string, { kind: 'disk' | 'interface'; device: string }>()
  for (const element of elements(domainXml, 'disk')) {
    const alias = attribute(element, 'alias', 'name')
    const device = attribute(element, 'target', 'dev')
    if (alias !== undefined && device !== undefined) found.set(alias, { kind: 'disk', device })
  }
  for (const element of elements(domainXml, 'interface')) {
    const alias = attribute(element, 'alias', 'name')
    const device = attribute(element, 'mac', 'address')
    if (alias !== undefined && device !== undefined) found.set(alias, { kind: 'interface', device })
  }
  return found
}

function elements(domainXml: string, tag: string): string[] {
  return domainXml.match(new RegExp(`<${tag} [\\s\\S]*?</${tag}>`, 'g')) ?? []
}
