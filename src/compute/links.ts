/** `links` of a resource: where it is, and where it is without a version. Source: nova/api/openstack/common.py, ViewBuilder */

export interface Link {
  readonly rel: 'self' | 'bookmark' | 'next' | 'describedby'
  readonly href: string
}

/** @param base the public URL of compute, without the version */
export function links(base: string, collection: string, id: string): Link[] {
  const path = `${collection}/${encodeURIComponent(id)}`
  return [
    { rel: 'self', href: `${base}/v2.1/${path}` },
    { rel: 'bookmark', href: `${base}/${path}` },
  ]
}
