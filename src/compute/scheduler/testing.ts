/** Hosts and requests for tests: the least that makes sense, and the test says the rest. */
import type { HostName, ProviderId } from '../../ids.ts'
import type { Room, ScheduleRequest, SchedulingHost } from './types.ts'

export function room(total: number, rest: Partial<Room> = {}): Room {
  return { total, reserved: 0, used: 0, allocationRatio: 1, ...rest }
}

/** A healthy empty host of 8 vCPU, 16 GiB and 100 GiB in zone nova. */
export function aHost(name: string, rest: Partial<SchedulingHost> = {}): SchedulingHost {
  return {
    host: name as HostName,
    providerId: `provider of ${name}` as ProviderId,
    hypervisorHostname: name,
    enabled: true,
    up: true,
    availabilityZone: 'nova',
    aggregateMetadata: [],
    hypervisorType: 'QEMU',
    hypervisorVersion: 7_002_001,
    cpuArchitecture: 'x86_64',
    cpuModel: 'Skylake-Client',
    hostIp: '192.0.2.1',
    traits: [],
    inventories: { VCPU: room(8), MEMORY_MB: room(16_384), DISK_GB: room(100) },
    servers: 0,
    busyServers: 0,
    ...rest,
  }
}

/** A small server with no other wishes. */
export function aRequest(rest: Partial<ScheduleRequest> = {}): ScheduleRequest {
  return { resources: { VCPU: 1, MEMORY_MB: 512, DISK_GB: 1 }, ...rest }
}
