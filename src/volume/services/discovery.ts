/** What may be asked of this service at all: version documents, extensions, filters. Source: cinder/api/versions.py, cinder/api/views/versions.py */
import type { FastifyInstance } from 'fastify'
import { microversion, showMicroversion } from '../../http/microversions.ts'
import { last } from '../../http/paging.ts'
import { SNAPSHOT_FILTERS } from '../snapshots/snapshots.ts'
import { volumeMicroversions } from '../versions.ts'
import { USER_FILTERS } from '../volumes/filters.ts'

/** Alias, name and date as upstream has them; those that this service honours. */
const EXTENSIONS: readonly (readonly [alias: string, name: string, description: string, updated: string])[] = [
  ['os-admin-actions', 'AdminActions', 'Enable admin actions.', '2012-08-25T00:00:00+00:00'],
  ['os-availability-zone', 'AvailabilityZones', 'Describe Availability Zones.', '2013-06-27T00:00:00+00:00'],
  ['os-extended-services', 'ExtendedServices', 'Extended services support.', '2014-01-10T00:00:00-00:00'],
  ['os-quota-class-sets', 'QuotaClasses', 'Quota classes management support.', '2012-03-12T00:00:00+00:00'],
  ['os-quota-sets', 'Quotas', 'Quota management support.', '2011-08-08T00:00:00+00:00'],
  ['OS-SCH-HNT', 'SchedulerHints', 'Pass arbitrary key/value pairs to the scheduler.', '2013-04-18T00:00:00+00:00'],
  ['scheduler-stats', 'Scheduler_stats', 'Scheduler stats support.', '2014-09-07T00:00:00+00:00'],
  [
    'os-extended-snapshot-attributes',
    'ExtendedSnapshotAttributes',
    'Extended SnapshotAttributes support.',
    '2012-06-19T00:00:00+00:00',
  ],
  ['os-snapshot-actions', 'SnapshotActions', 'Enable snapshot manager actions.', '2013-07-16T00:00:00+00:00'],
  ['os-services', 'Services', 'Services support.', '2012-10-28T00:00:00-00:00'],
  ['os-types-extra-specs', 'TypesExtraSpecs', 'Type extra specs support.', '2011-08-24T00:00:00+00:00'],
  ['os-types-manage', 'TypesManage', 'Types manage support.', '2011-08-24T00:00:00+00:00'],
  [
    'os-used-limits',
    'UsedLimits',
    'Provide data on limited resources that are being used.',
    '2013-10-03T00:00:00+00:00',
  ],
  ['os-volume-actions', 'VolumeActions', 'Enable volume actions.', '2012-05-31T00:00:00+00:00'],
  ['os-vol-host-attr', 'VolumeHostAttribute', 'Expose host as an attribute of a volume.', '2011-11-03T00:00:00+00:00'],
  [
    'os-vol-image-meta',
    'VolumeImageMetadata',
    'Show image metadata associated with the volume.',
    '2012-12-07T00:00:00+00:00',
  ],
  [
    'os-vol-mig-status-attr',
    'VolumeMigStatusAttribute',
    'Expose migration_status as an attribute of a volume.',
    '2013-08-08T00:00:00+00:00',
  ],
  [
    'os-vol-tenant-attr',
    'VolumeTenantAttribute',
    'Expose the internal project_id as an attribute of a volume.',
    '2011-11-03T00:00:00+00:00',
  ],
  ['os-volume-type-access', 'VolumeTypeAccess', 'Volume type access support.', '2014-06-26T00:00:00Z'],
]

const FILTERS: Readonly<Record<string, readonly string[]>> = {
  volume: USER_FILTERS,
  snapshot: SNAPSHOT_FILTERS,
  attachment: ['volume_id', 'status', 'instance_id', 'attach_status'],
  message: ['resource_uuid', 'resource_type', 'event_id', 'request_id', 'message_level'],
  pool: ['name', 'volume_type'],
  volume_type: ['is_public', 'extra_specs'],
}

export function discoveryRoutes(app: FastifyInstance, { publicUrl }: { publicUrl: string }): void {
  const document = {
    versions: [
      {
        id: 'v3.0',
        status: 'CURRENT',
        version: showMicroversion(volumeMicroversions.max),
        min_version: showMicroversion(volumeMicroversions.min),
        updated: '2023-08-31T00:00:00Z',
        links: [
          { rel: 'describedby', type: 'text/html', href: 'https://docs.openstack.org/' },
          { rel: 'self', href: `${publicUrl}/v3/` },
        ],
        'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.volume+json;version=3' }],
      },
    ],
  }
  const config = { policy: 'volume:versions' }
  app.get('/', { config }, async (_request, reply) => reply.code(300).send(document))
  for (const path of ['/v3', '/v3/']) app.get(path, { config }, async () => document)

  app.get('/v3/extensions', { config: { policy: 'volume:extensions' } }, async () => ({
    extensions: EXTENSIONS.map(([alias, name, description, updated]) => ({
      alias,
      name,
      description,
      updated,
      links: [],
    })),
  }))

  app.get('/v3/resource_filters', { config: { policy: 'volume:resource_filters', since: '3.33' } }, async (request) => {
    const resource = last((request.query as Record<string, unknown>).resource)
    // Inexact ones can be asked from 3.34.
    const shown = (filter: string) => request.microversion >= microversion('3.34') || !filter.endsWith('~')
    return {
      resource_filters: Object.entries(FILTERS)
        .filter(([name]) => resource === undefined || name === resource)
        .map(([name, filters]) => ({ resource: name, filters: filters.filter(shown) })),
    }
  })
}
