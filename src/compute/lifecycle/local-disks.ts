/** The disks of a server that are files of its host. Repeating it changes nothing. */
import type { Agent, PreparedDisk } from '../../agent/contract.ts'
import type { BootOrder } from './boot-order.ts'

/** By block device id. */
export async function prepareLocalDisks(
  agent: Agent,
  order: BootOrder,
  signal?: AbortSignal,
): Promise<Record<string, PreparedDisk>> {
  const prepared: Record<string, PreparedDisk> = {}
  for (const { id, name, sizeMiB, image } of order.localDisks) {
    prepared[id] =
      image === null
        ? await agent.disks.ensureBlankDisk(order.serverId, name, sizeMiB)
        : await agent.disks.ensureRootDisk(
            {
              serverId: order.serverId,
              imageId: image.id,
              // Servers that were asked for before the hash was kept have no other name for it.
              contentId: image.sha512 ?? image.id,
              imageFormat: image.format,
              imageSizeBytes: image.sizeBytes,
              diskGiB: sizeMiB / 1024,
            },
            signal,
          )
  }
  return prepared
}
