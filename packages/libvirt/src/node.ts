/** The host itself: processors, memory, pages, sleep. */
import type { Connection } from './connection.ts'
import * as C from './generated/constants.ts'
import type { CallOptions } from './rpc/call.ts'
import { type Params, type ParamsToSend, type ParamTypes, paramsOf, toParams } from './typed-params.ts'

/** The host's processors and memory. */
export interface NodeInfo {
  /** CPU family, such as `x86_64`. */
  model: string
  memoryKiB: number
  /** Active ones. */
  cpus: number
  mhz: number
  numaNodes: number
  socketsPerNode: number
  coresPerSocket: number
  threadsPerCore: number
}
/** By libvirt's names: times in ns since the host started, or `utilization` in percent. */
export type NodeCpuStats = Record<string, bigint>
/** By libvirt's names, such as `total` and `free`, in KiB. */
export type NodeMemoryStats = Record<string, number>
/** Which processors of the host are online. */
export interface NodeCpuMap {
  /** How many there are, online or not. */
  cpus: number
  online: number
  /** Whether each is online, by its number. */
  map: boolean[]
}
/** How many pages of one size are free. */
export interface FreePages {
  pageSizeKiB: number
  /** One for each NUMA cell that was asked for. */
  free: number[]
}
/** How a host sleeps: to memory, to disk, or to both. */
export type SuspendTarget = 'memory' | 'disk' | 'hybrid'

/** The most that the daemon may send: REMOTE_NODE_MAX_CELLS. */
const CELLS_MAX = 1024
const suspendTargets: Record<SuspendTarget, number> = {
  memory: C.VIR_NODE_SUSPEND_TARGET_MEM,
  disk: C.VIR_NODE_SUSPEND_TARGET_DISK,
  hybrid: C.VIR_NODE_SUSPEND_TARGET_HYBRID,
}
/** Merging of equal pages, by libvirt's names. */
const memoryParameters: ParamTypes = {
  [C.VIR_NODE_MEMORY_SHARED_PAGES_TO_SCAN]: 'uint',
  [C.VIR_NODE_MEMORY_SHARED_SLEEP_MILLISECS]: 'uint',
  [C.VIR_NODE_MEMORY_SHARED_MERGE_ACROSS_NODES]: 'uint',
}

/** `connection.node`. */
export class Node {
  readonly connection: Connection

  constructor(connection: Connection) {
    this.connection = connection
  }

  /** @libvirt virNodeGetInfo */
  async info(options?: CallOptions): Promise<NodeInfo> {
    const info = await this.connection.raw.nodeGetInfo(undefined, options)
    return {
      model: textOf(info.model),
      memoryKiB: Number(info.memory),
      cpus: info.cpus,
      mhz: info.mhz,
      numaNodes: info.nodes,
      socketsPerNode: info.sockets,
      coresPerSocket: info.cores,
      threadsPerCore: info.threads,
    }
  }

  // ---- Processors --------------------------------------------------------------------------------------------

  /** Of one processor, or of all together. @libvirt virNodeGetCPUStats */
  async cpuStats(cpu: number = C.VIR_NODE_CPU_STATS_ALL_CPUS, flags = 0, options?: CallOptions): Promise<NodeCpuStats> {
    const { raw } = this.connection
    const { nparams } = await raw.nodeGetCpuStats({ cpuNum: cpu, nparams: 0, flags }, options)
    const { params } = await raw.nodeGetCpuStats({ cpuNum: cpu, nparams, flags }, options)
    return Object.fromEntries(params.map(({ field, value }) => [field, value]))
  }
  /** @libvirt virNodeGetCPUMap */
  async cpuMap(flags = 0, options?: CallOptions): Promise<NodeCpuMap> {
    const args = { needMap: 1, needOnline: 1, flags }
    const { cpumap, online, ret } = await this.connection.raw.nodeGetCpuMap(args, options)
    const isOnline = (cpu: number) => (((cpumap[cpu >> 3] ?? 0) >> (cpu & 7)) & 1) === 1
    return { cpus: ret, online, map: Array.from({ length: ret }, (_, cpu) => isOnline(cpu)) }
  }

  // ---- Memory ------------------------------------------------------------------------------------------------

  /** @libvirt virNodeGetFreeMemory */
  async freeMemoryBytes(options?: CallOptions): Promise<bigint> {
    return (await this.connection.raw.nodeGetFreeMemory(undefined, options)).freeMem
  }
  /** Of each NUMA cell from `startCell` on. @libvirt virNodeGetCellsFreeMemory */
  async cellsFreeMemoryBytes(startCell = 0, maxCells = CELLS_MAX, options?: CallOptions): Promise<bigint[]> {
    const args = { startCell, maxcells: maxCells }
    return (await this.connection.raw.nodeGetCellsFreeMemory(args, options)).cells
  }
  /** Of one NUMA cell, or of all together. @libvirt virNodeGetMemoryStats */
  async memoryStats(
    cell: number = C.VIR_NODE_MEMORY_STATS_ALL_CELLS,
    flags = 0,
    options?: CallOptions,
  ): Promise<NodeMemoryStats> {
    const { raw } = this.connection
    const { nparams } = await raw.nodeGetMemoryStats({ cellNum: cell, nparams: 0, flags }, options)
    const { params } = await raw.nodeGetMemoryStats({ cellNum: cell, nparams, flags }, options)
    return Object.fromEntries(params.map(({ field, value }) => [field, Number(value)]))
  }
  /** Merging of equal pages (KSM), by libvirt's names, such as `shm_pages_to_scan`. @libvirt virNodeGetMemoryParameters */
  async memoryParameters(flags = 0, options?: CallOptions): Promise<Params> {
    const { raw } = this.connection
    const { nparams } = await raw.nodeGetMemoryParameters({ nparams: 0, flags }, options)
    if (nparams === 0) return {}
    return paramsOf((await raw.nodeGetMemoryParameters({ nparams, flags }, options)).params)
  }
  /** @libvirt virNodeSetMemoryParameters */
  async setMemoryParameters(values: ParamsToSend, flags = 0, options?: CallOptions): Promise<void> {
    await this.connection.raw.nodeSetMemoryParameters({ params: toParams(values, memoryParameters), flags }, options)
  }
  /** Free pages of each of these sizes, in `cellCount` NUMA cells from `startCell` on. @libvirt virNodeGetFreePages */
  async freePages(
    pageSizesKiB: readonly number[],
    startCell = 0,
    cellCount = 1,
    flags = 0,
    options?: CallOptions,
  ): Promise<FreePages[]> {
    const args = { pages: [...pageSizesKiB], startCell, cellCount, flags }
    const { counts } = await this.connection.raw.nodeGetFreePages(args, options)
    // Cell by cell, and in each of them size by size.
    const sizes = pageSizesKiB.length
    return pageSizesKiB.map((pageSizeKiB, index) => ({
      pageSizeKiB,
      free: counts.filter((_, at) => at % sizes === index).map(Number),
    }))
  }
  /**
   * Add to the pools of huge pages of some NUMA cells, or with VIR_NODE_ALLOC_PAGES_SET make them so large; startCell
   * -1: of the whole host, wherever. The number of pools that were changed.
   *
   * @libvirt virNodeAllocPages
   */
  async allocPages(
    pages: readonly { pageSizeKiB: number; count: number | bigint }[],
    startCell = -1,
    cellCount = 1,
    flags = 0,
    options?: CallOptions,
  ): Promise<number> {
    const args = {
      pageSizes: pages.map(({ pageSizeKiB }) => pageSizeKiB),
      pageCounts: pages.map(({ count }) => BigInt(count)),
      startCell,
      cellCount,
      flags,
    }
    return (await this.connection.raw.nodeAllocPages(args, options)).ret
  }

  // ---- The rest ----------------------------------------------------------------------------------------------

  /** Send the host to sleep, and wake it after so long: at least a minute. @libvirt virNodeSuspendForDuration */
  async suspendForDuration(
    target: SuspendTarget,
    durationSeconds: number | bigint,
    flags = 0,
    options?: CallOptions,
  ): Promise<void> {
    const args = { target: suspendTargets[target], duration: BigInt(durationSeconds), flags }
    await this.connection.raw.nodeSuspendForDuration(args, options)
  }
  /** Which model keeps guests apart, such as `selinux`, and its domain of interpretation. @libvirt virNodeGetSecurityModel */
  async securityModel(options?: CallOptions): Promise<{ model: string; doi: string }> {
    const { model, doi } = await this.connection.raw.nodeGetSecurityModel(undefined, options)
    return { model: textOf(model), doi: textOf(doi) }
  }
  /** By libvirt's names, such as `cbitpos`. @throws isUnsupported() without AMD's SEV @libvirt virNodeGetSEVInfo */
  async sevInfo(flags = 0, options?: CallOptions): Promise<Params> {
    // Whatever number is named, all come.
    return paramsOf((await this.connection.raw.nodeGetSevInfo({ nparams: 0, flags }, options)).params)
  }
}

/** C's text: up to the first NUL. */
function textOf(chars: Uint8Array): string {
  const end = chars.indexOf(0)
  return Buffer.from(chars.subarray(0, end < 0 ? undefined : end)).toString('latin1')
}
