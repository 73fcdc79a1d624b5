/** Which drivers a cloud runs on: the emulator's pretend hosts, or this machine's libvirt, bridges and iSCSI target. */
import { join } from 'node:path'
import type { Logger } from 'pino'
import { agentsOf } from './agent/agents.ts'
import type { ImageSource } from './agent/contract.ts'
import type { OpenDrivers } from './cloud.ts'
import type { Config } from './config.ts'
import { DomainError } from './domain-error.ts'
import type { HostName } from './ids.ts'

export function driversFor(config: Config, cloudId: string, log: Logger): OpenDrivers {
  return config.emulator ? emulated(config) : real(config, cloudId, log)
}

/** Hosts in memory, remembered in the state directory so that pretend guests survive a restart. */
function emulated(config: Config): OpenDrivers {
  return async () => {
    const { openSimulatedAgent, openSimulatedBackend } = await import('./agent/simulated/index.ts')
    const names = Array.from({ length: config.simulatedHosts }, (_, index) => `emulated-${index + 1}` as HostName)
    const agents = await Promise.all(
      names.map((host) => openSimulatedAgent({ host, dir: join(config.state, 'hosts', host) })),
    )
    const backend = await openSimulatedBackend({ host: names[0]!, dir: join(config.state, 'volumes') })
    return {
      agents: agentsOf(agents),
      backends: [backend],
      close: async () => {
        await Promise.all([...agents.map((agent) => agent.close()), backend.close()])
      },
    }
  }
}

function real(config: Config, cloudId: string, log: Logger): OpenDrivers {
  return async (images) => {
    const [{ openLibvirtAgent }, { openBridgePlane, parseHostPorts }, { openServerDisks }, { openFileBackend }] =
      await Promise.all([
        import('./agent/libvirt/index.ts'),
        import('./agent/bridge/index.ts'),
        import('./agent/disks/index.ts'),
        import('./agent/iscsi/index.ts'),
      ])
    const host = config.hostName as HostName
    const instances = join(config.state, 'instances')
    await using opening = new AsyncDisposableStack()
    const plane = await openBridgePlane({
      cloudId,
      dir: join(config.state, 'network'),
      log,
      guestAccess: { hostPorts: parseHostPorts(config.guestHostPorts), outbound: config.guestOutbound },
    })
    opening.defer(() => plane.close())
    const disks = await openServerDisks({
      dir: instances,
      images,
      log,
      keepUnusedImagesMs: config.keepUnusedImagesHours * 3_600_000,
    })
    const backend = await openFileBackend({ dir: join(config.state, 'volumes'), host, cloudId, images, log })
    opening.defer(() => backend.close())
    const agent = await openLibvirtAgent({
      host,
      cloudId,
      uri: config.libvirtUri,
      virt: config.virt,
      instancesDir: instances,
      disks,
      network: plane,
      log,
    })
    opening.defer(() => agent.close())
    const opened = opening.move()
    return { agents: agentsOf([agent]), backends: [backend], close: () => opened.disposeAsync() }
  }
}

/** Ends this cloud's guests and removes its devices, rules, namespaces and exports. Files stay. */
export async function removeFromHost(config: Config, cloudId: string, log: Logger): Promise<void> {
  const [{ removeGuests }, { removeBridgePlane }, { openFileBackend }, { ensureLibvirtd }] = await Promise.all([
    import('./agent/libvirt/index.ts'),
    import('./agent/bridge/index.ts'),
    import('./agent/iscsi/index.ts'),
    import('./agent/libvirt/daemon.ts'),
  ])
  await ensureLibvirtd()
  await removeGuests({ uri: config.libvirtUri, cloudId, log })
  await removeBridgePlane({ cloudId, dir: join(config.state, 'network'), log })
  const noImages: ImageSource = {
    open: async () => {
      throw new DomainError('unavailable', 'agent.images.closed', 'No image can be read while the cloud goes down.')
    },
  }
  const backend = await openFileBackend({
    dir: join(config.state, 'volumes'),
    host: config.hostName as HostName,
    cloudId,
    images: noImages,
    log,
  })
  await backend.removeEverything()
  await backend.close()
}
