/**
 * What of upstream's extensions is truly offered. Clients look here before they use a feature, so an alias stands here
 * only when all of it works.
 * Source: neutron-lib neutron_lib/api/definitions/*.py, neutron/extensions/*.py.
 */
export interface Extension {
  readonly alias: string
  readonly name: string
  readonly description: string
  readonly updated: string
}

const extension = (alias: string, name: string, description: string, updated: string): Extension => ({
  alias,
  name,
  description,
  updated,
})

export const EXTENSIONS: readonly Extension[] = [
  extension('agent', 'agent', 'Lists the agents of the hosts.', '2013-02-03T10:00:00-00:00'),
  extension(
    'allowed-address-pairs',
    'Allowed Address Pairs',
    'More addresses for a port.',
    '2013-07-23T10:00:00-00:00',
  ),
  extension(
    'aap-reject-multicast',
    'Allowed address pairs reject multicast extension',
    'Address pairs are never multicast.',
    '2026-04-01T00:00:00-00:00',
  ),
  extension('availability_zone', 'Availability Zone', 'Lists availability zones.', '2015-01-01T10:00:00-00:00'),
  extension(
    'availability_zone_filter',
    'Availability Zone Filter Extension',
    'Filters availability zones.',
    '2018-06-22T10:00:00-00:00',
  ),
  extension('binding', 'Port Binding', 'Shows where and how a port is plugged.', '2014-02-03T10:00:00-00:00'),
  extension('dns-integration', 'DNS Integration', 'Names of ports.', '2015-08-15T18:00:00-00:00'),
  extension(
    'empty-string-filtering',
    'Empty String Filtering Extension',
    'Filters by the empty text.',
    '2018-05-01T10:00:00-00:00',
  ),
  extension('external-net', 'Neutron external network', 'Marks external networks.', '2013-01-14T10:00:00-00:00'),
  extension(
    'extra_dhcp_opt',
    'Neutron Extra DHCP options',
    'DHCP options of single ports.',
    '2013-03-17T12:00:00-00:00',
  ),
  extension(
    'filter-validation',
    'Filter parameters validation',
    'Refuses unknown filters.',
    '2018-07-04T10:00:00-00:00',
  ),
  extension(
    'ip_allocation',
    'IP Allocation',
    'Tells ports without addresses from others.',
    '2016-06-10T23:00:00-00:00',
  ),
  extension(
    'ip-substring-filtering',
    'IP address substring filtering',
    'Filters ports by part of an address.',
    '2017-11-28T09:00:00-00:00',
  ),
  extension('net-mtu', 'Network MTU', 'Shows the MTU of a network.', '2015-03-25T10:00:00-00:00'),
  extension(
    'net-mtu-writable',
    'Network MTU (writable)',
    'Lets the MTU of a network be set.',
    '2017-07-12T00:00:00-00:00',
  ),
  extension(
    'network_availability_zone',
    'Network Availability Zone',
    'Availability zones of networks.',
    '2015-01-01T10:00:00-00:00',
  ),
  extension('network-ip-availability', 'Network IP Availability', 'Counts addresses.', '2015-09-24T00:00:00-00:00'),
  extension('pagination', 'Pagination support', 'Lists come in pages.', '2016-06-12T00:00:00-00:00'),
  extension(
    'port-mac-address-regenerate',
    'Neutron Port MAC address regenerate',
    'Draws a new MAC address.',
    '2018-05-03T10:00:00-00:00',
  ),
  extension('port-security', 'Port Security', 'Lets a port go without filters.', '2012-07-23T10:00:00-00:00'),
  extension(
    'port-security-groups-filtering',
    'Port filtering on security groups',
    'Filters ports by security group.',
    '2018-01-09T09:00:00-00:00',
  ),
  extension('project-id', 'project_id field enabled', 'Owners are called project_id.', '2016-09-09T09:09:09-09:09'),
  extension('provider', 'Provider Network', 'Shows how networks are carried.', '2012-09-07T10:00:00-00:00'),
  extension(
    'quota_details',
    'Quota details management support',
    'Quotas with what is in use.',
    '2017-02-10T10:00:00-00:00',
  ),
  extension('quotas', 'Quota management support', 'Quotas of projects.', '2012-07-29T10:00:00-00:00'),
  extension(
    'revision-if-match',
    'If-Match constraints based on revision_number',
    'Changes of a known revision only.',
    '2016-12-11T00:00:00-00:00',
  ),
  extension('security-group', 'security-group', 'Security groups and their rules.', '2012-10-05T10:00:00-00:00'),
  extension(
    'security-groups-normalized-cidr',
    'Normalized CIDR field for security group rules',
    'Shows the network of a prefix.',
    '2020-07-28T10:00:00-00:00',
  ),
  extension(
    'security-groups-rules-belongs-to-default-sg',
    `Security group rule belongs to the project's default security group`,
    'Marks rules of default groups.',
    '2023-05-23T10:00:00-00:00',
  ),
  extension('sort-key-validation', 'Sort keys validation', 'Refuses unknown sort keys.', '2018-07-04T10:00:00-00:00'),
  extension('sorting', 'Sorting support', 'Lists are sorted on request.', '2016-06-12T00:00:00-00:00'),
  extension(
    'standard-attr-description',
    'standard-attr-description',
    'Descriptions of resources.',
    '2016-02-10T10:00:00-00:00',
  ),
  extension(
    'standard-attr-revisions',
    'Resource revision numbers',
    'Counts changes of resources.',
    '2016-04-11T10:00:00-00:00',
  ),
  extension(
    'standard-attr-tag',
    'Tag support for resources with standard attribute',
    'Tags of resources.',
    '2017-01-01T00:00:00-00:00',
  ),
  extension(
    'standard-attr-timestamp',
    'Resource timestamps',
    'When resources were made and changed.',
    '2016-09-12T10:00:00-00:00',
  ),
  extension(
    'subnet-external-network',
    'Subnet belongs to an external network',
    'Marks subnets of external networks.',
    '2024-02-05T18:00:00-00:00',
  ),
  extension('tag-creation', 'Tag creation extension', 'Adds several tags at once.', '2024-07-23T07:00:00-00:00'),
  extension(
    'tag-ports-during-bulk-creation',
    'Tag Ports During Bulk Creation',
    'Tags ports as they are made.',
    '2019-12-29T19:00:00-00:00',
  ),
]
