/**
 * The versions of the Image API, newest first. They cannot be asked for: a higher one only says that more is there.
 * Source: the version history of glance's API reference, glance/api/versions.py
 */
export const VERSIONS = [
  '2.18', // cleaning and pruning the cache
  '2.17', // locations for other services
  '2.16', // where an image is cached
  '2.15', // stores in detail
  '2.14', // managing the cache
  '2.13', // usage of quotas
  '2.12', // tasks of an image
  '2.11', // copy-image into further stores
  '2.10', // deleting an image from one store
  '2.9', // os_hidden by default out of sight
  '2.8', // several stores
  '2.7', // os_hash_algo, os_hash_value, os_hidden
  '2.6', // import
  '2.5', // community images
  '2.4', // `in:` in filters
  '2.3', // deactivate and reactivate
  '2.2', // tasks and metadata definitions
  '2.1', // members
  '2.0', // images, tags, schemas
] as const

export function versionsDocument(baseUrl: string) {
  return {
    versions: VERSIONS.map((version, index) => ({
      id: `v${version}`,
      status: index === 0 ? 'CURRENT' : 'SUPPORTED',
      links: [{ rel: 'self', href: `${baseUrl}/v2/` }],
    })),
  }
}
