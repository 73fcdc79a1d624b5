/** The operator's own project has no limits: quotas are for the projects of others, and the machine has its own. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CloudState, Place } from '../state.ts'
import { Client, firstUser } from './client.ts'

const COMPUTE = { instances: -1, cores: -1, ram: -1, key_pairs: -1, server_groups: -1 }
const NETWORK = { network: -1, subnet: -1, port: -1, security_group: -1, security_group_rule: -1 }
const VOLUME = { volumes: -1, snapshots: -1, gigabytes: -1 }

/** Once: what an administrator sets later stays. */
export async function liftAdminQuotas(place: Place, state: CloudState): Promise<void> {
  const marker = join(state.dir, 'quotas-were-lifted')
  if (existsSync(marker)) return
  const client = await Client.login(place, firstUser('admin', state.passwords))
  const { projectId } = client
  await Promise.all([
    client.call('PUT', `/compute/v2.1/os-quota-sets/${projectId}`, { quota_set: COMPUTE }),
    client.call('PUT', `/network/v2.0/quotas/${projectId}`, { quota: NETWORK }),
    client.call('PUT', `/volume/v3/${projectId}/os-quota-sets/${projectId}`, { quota_set: VOLUME }),
  ])
  writeFileSync(marker, '')
}
