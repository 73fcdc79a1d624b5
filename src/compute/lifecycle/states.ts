/**
 * The states of a server and the allowed moves between them. Pure tables.
 * Source: nova/compute/vm_states.py, task_states.py, power_state.py; nova/api/openstack/common.py (_STATE_MAP); the
 * `check_instance_state` decorators of nova/compute/api.py.
 */

export type VmState =
  | 'building'
  | 'active'
  | 'paused'
  | 'suspended'
  | 'stopped'
  | 'rescued'
  | 'resized'
  | 'soft-delete'
  | 'deleted'
  | 'error'
  | 'shelved'
  | 'shelved_offloaded'

/** Those of the moves that are offered. */
export type TaskState =
  | 'scheduling'
  | 'networking'
  | 'block_device_mapping'
  | 'spawning'
  | 'powering-off'
  | 'powering-on'
  | 'rebooting'
  | 'rebooting_hard'
  | 'deleting'

/** As the API counts them. */
export const POWER = { none: 0, running: 1, paused: 3, shutDown: 4, crashed: 6, suspended: 7 } as const
export type Power = (typeof POWER)[keyof typeof POWER]

export const STATUSES = [
  'ACTIVE',
  'BUILD',
  'DELETED',
  'ERROR',
  'HARD_REBOOT',
  'MIGRATING',
  'PASSWORD',
  'PAUSED',
  'REBOOT',
  'REBUILD',
  'RESCUE',
  'RESIZE',
  'REVERT_RESIZE',
  'SHELVED',
  'SHELVED_OFFLOADED',
  'SHUTOFF',
  'SOFT_DELETED',
  'SUSPENDED',
  'UNKNOWN',
  'VERIFY_RESIZE',
] as const
export type Status = (typeof STATUSES)[number]

const STATUS_OF: Readonly<Record<VmState, Status>> = {
  building: 'BUILD',
  active: 'ACTIVE',
  paused: 'PAUSED',
  suspended: 'SUSPENDED',
  stopped: 'SHUTOFF',
  rescued: 'RESCUE',
  resized: 'VERIFY_RESIZE',
  'soft-delete': 'SOFT_DELETED',
  deleted: 'DELETED',
  error: 'ERROR',
  shelved: 'SHELVED',
  shelved_offloaded: 'SHELVED_OFFLOADED',
}

/** What users see. */
export function statusOf(vmState: VmState, taskState: string | null): Status {
  if (vmState === 'active' && taskState === 'rebooting') return 'REBOOT'
  if (vmState === 'active' && taskState === 'rebooting_hard') return 'HARD_REBOOT'
  return STATUS_OF[vmState]
}

/** The inverse, for filters: which pairs of states show as a status. `null` for a task is any task. */
export function statesShownAs(status: Status): { vmStates: VmState[]; tasks: string[] | null; notTasks: string[] } {
  if (status === 'REBOOT') return { vmStates: ['active'], tasks: ['rebooting'], notTasks: [] }
  if (status === 'HARD_REBOOT') return { vmStates: ['active'], tasks: ['rebooting_hard'], notTasks: [] }
  const vmStates = (Object.keys(STATUS_OF) as VmState[]).filter((vmState) => STATUS_OF[vmState] === status)
  return { vmStates, tasks: null, notTasks: status === 'ACTIVE' ? ['rebooting', 'rebooting_hard'] : [] }
}

/** Whether a server in this state has its guest run: what a gardener restores after a reboot of the host. */
export function shouldRun(vmState: VmState): boolean {
  return vmState === 'active'
}

export interface Move {
  readonly from: readonly VmState[] | 'any'
  /** Tasks in which the move may begin; `null` is idle. */
  readonly during: readonly (TaskState | null)[] | 'any'
  /** The server must have been started once. */
  readonly launched: boolean
  /** It must be on a host. */
  readonly hosted: boolean
  /** A locked server refuses it, unless the caller may override locks. */
  readonly lockable: boolean
}

const idle = [null]

export const MOVES = {
  start: { from: ['stopped'], during: idle, launched: true, hosted: true, lockable: true },
  stop: { from: ['active', 'error'], during: idle, launched: true, hosted: true, lockable: true },
  'reboot soft': { from: ['active'], during: idle, launched: true, hosted: false, lockable: true },
  'reboot hard': {
    from: ['active', 'stopped', 'paused', 'suspended', 'error'],
    during: [null, 'rebooting', 'rebooting_hard'],
    launched: true,
    hosted: false,
    lockable: true,
  },
  'attach volume': {
    from: ['active', 'paused', 'stopped', 'resized', 'soft-delete'],
    during: idle,
    launched: true,
    hosted: false,
    lockable: true,
  },
  'detach volume': {
    from: ['active', 'paused', 'stopped', 'resized', 'soft-delete'],
    during: idle,
    launched: true,
    hosted: false,
    lockable: true,
  },
  'change interfaces': {
    from: ['active', 'paused', 'stopped'],
    during: idle,
    launched: true,
    hosted: true,
    lockable: true,
  },
  'change metadata': {
    from: ['active', 'paused', 'suspended', 'stopped'],
    during: 'any',
    launched: true,
    hosted: false,
    lockable: true,
  },
  // States that no server is in while the deeds that lead there are not offered.
  unpause: { from: ['paused'], during: idle, launched: true, hosted: false, lockable: true },
  resume: { from: ['suspended'], during: idle, launched: true, hosted: false, lockable: true },
  unrescue: { from: ['rescued'], during: idle, launched: true, hosted: false, lockable: true },
  unshelve: { from: ['shelved', 'shelved_offloaded'], during: idle, launched: true, hosted: false, lockable: true },
  restore: { from: ['soft-delete'], during: idle, launched: false, hosted: false, lockable: true },
  'confirm or revert resize': { from: ['resized'], during: idle, launched: true, hosted: false, lockable: true },
  'change tags': {
    from: ['active', 'paused', 'suspended', 'stopped'],
    during: idle,
    launched: true,
    hosted: false,
    lockable: true,
  },
  'read console': { from: 'any', during: 'any', launched: false, hosted: true, lockable: false },
  delete: { from: 'any', during: 'any', launched: false, hosted: false, lockable: true },
} as const satisfies Readonly<Record<string, Move>>

export type MoveName = keyof typeof MOVES
