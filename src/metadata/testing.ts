/** A guest for tests: the least that makes sense, and the test says the rest. */
import type { NetworkId, PortId } from '../ids.ts'
import type { BoundPort } from '../network/index.ts'
import type { GuestFacts } from './index.ts'

export function aGuest(rest: Partial<GuestFacts> = {}): GuestFacts {
  return {
    serverId: 'c3b0c2b0-7b4e-4c2e-9c39-4f3f1f9a0001',
    number: 42,
    name: 'web',
    hostname: 'web',
    projectId: '5f1d4a70c1a94c1e8a3c1d2b3a4f5e6d',
    availabilityZone: 'nova',
    launchIndex: 0,
    reservationId: 'r-abcdefgh',
    flavorName: 'm1.tiny',
    meta: {},
    publicKeys: [],
    files: [],
    securityGroups: ['default'],
    ports: [aPort()],
    devices: [],
    blockDevices: { ami: 'vda', root: '/dev/vda' },
    vendorData: {},
    randomSeed: 'c2VlZA==',
    ...rest,
  }
}

/** A card on a DHCP network. */
export function aPort(rest: Partial<BoundPort> = {}): BoundPort {
  return {
    portId: 'aaaaaaaa-0000-4000-8000-000000000001' as PortId,
    networkId: 'bbbbbbbb-0000-4000-8000-000000000001' as NetworkId,
    networkName: 'private',
    macAddress: 'fa:16:3e:00:00:01',
    tap: 'tapaaaaaaaa-00',
    mtu: 1450,
    vnicType: 'normal',
    status: 'ACTIVE',
    made: true,
    securityGroups: [{ id: 'g', name: 'default' }],
    fixedIps: [
      {
        ipAddress: '10.0.0.5',
        subnetId: 's',
        cidr: '10.0.0.0/24',
        ipVersion: 4,
        gatewayIp: '10.0.0.1',
        dnsNameservers: ['9.9.9.9'],
        hostRoutes: [],
        enableDhcp: true,
      },
    ],
    ...rest,
  }
}
