/**
 * The addresses of a cloud's `public` network, where nobody named them: 172.24.4.0/24, or the next that is free. Several
 * clouds may begin on one machine at the same time, and the host's interfaces show a range only once a guest is in it; so
 * each cloud says in a folder of the machine's what it takes.
 */
import { existsSync, readdirSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import ipaddr from 'ipaddr.js'
import { SettingError } from '../config.ts'
import { directoryOf, forgetOnMachine, rememberOnMachine } from './machine.ts'

const CLAIMS = '/run/stratolith/public-networks'

/**
 * @param cloud whose networks are on this machine; undefined when its networks are not real
 * @throws SettingError when every range is taken
 */
export function choosePublicCidr(cloud: { dir: string; cloudId: string } | undefined, claims = CLAIMS): string {
  const taken = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  for (let third = 4; third < 255; third++) {
    const cidr = `172.24.${third}.0/24`
    const range = ipaddr.IPv4.parseCIDR(cidr)
    const free = taken.every(({ address, family }) => family !== 'IPv4' || !ipaddr.IPv4.parse(address).match(range))
    if (free && (cloud === undefined || claim(join(claims, cidr.replace('/', '-')), cloud))) return cidr
  }
  throw new SettingError('no /24 in 172.24.0.0/16 is free on this machine: name a network with --public-cidr')
}

/**
 * Each cloud writes its own file first and looks for others then: of two that come at once, one sees the other or both
 * do, and whoever sees another goes on to the next range.
 */
function claim(dir: string, cloud: { dir: string; cloudId: string }): boolean {
  rememberOnMachine(cloud, dir)
  const others = readdirSync(dir).filter((cloudId) => cloudId !== cloud.cloudId && exists(cloudId, dir))
  if (others.length > 0) forgetOnMachine(cloud.cloudId, dir)
  return others.length === 0
}

/** Gives back what a cloud that is purged has claimed. */
export function releasePublicCidrs(cloudId: string, claims = CLAIMS): void {
  if (!existsSync(claims)) return
  for (const range of readdirSync(claims)) forgetOnMachine(cloudId, join(claims, range))
}

/** Whether the cloud that made a claim is still there; a claim of one that is not is removed. */
function exists(cloudId: string, dir: string): boolean {
  if (directoryOf(cloudId, dir) !== undefined) return true
  forgetOnMachine(cloudId, dir)
  return false
}
