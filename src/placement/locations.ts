/** Where things are: paths for links, whole URLs for `Location`. */
import type { ServiceContext } from '../http/service-context.ts'

export interface Locations {
  /** `/placement/resource_providers/…`: links are paths on the server. */
  path(below: string): string
  url(below: string): string
}

export function locationsOf(context: Pick<ServiceContext, 'publicUrl'>): Locations {
  const root = context.publicUrl('placement')
  const prefix = new URL(root).pathname.replace(/\/$/, '')
  return { path: (below) => `${prefix}${below}`, url: (below) => `${root}${below}` }
}
