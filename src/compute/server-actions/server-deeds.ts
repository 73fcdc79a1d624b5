/** What may be asked of a standing server: each deed is checked, written down and handed to its story. */
import { DomainError, isDomainError } from '../../domain-error.ts'
import type { Stories, Story } from '../../durable/stories.ts'
import type { Caller } from '../../http/caller.ts'
import type { ServerId } from '../../ids.ts'
import type { Network } from '../../network/index.ts'
import { notReady } from '../errors.ts'
import { checkMove } from '../lifecycle/check-move.ts'
import { begin, type Deed } from '../lifecycle/deed.ts'
import type { Parts } from '../lifecycle/parts.ts'
import type { RebootServer } from '../lifecycle/reboot-server.ts'
import type { Server } from '../servers/server.ts'

export interface ServerDeeds {
  start(caller: Caller, id: ServerId): Promise<void>
  stop(caller: Caller, id: ServerId): Promise<void>
  reboot(caller: Caller, id: ServerId, kind: 'soft' | 'hard'): Promise<void>
  changeSecurityGroup(caller: Caller, id: ServerId, nameOrId: string, change: 'add' | 'remove'): Promise<void>
  /** The last lines of the serial console; all that is kept where no number is given. */
  consoleOutput(caller: Caller, server: Server, lines: number | undefined): Promise<string>
}

interface Stages {
  readonly startServer: Story<Deed>
  readonly stopServer: Story<Deed>
  readonly rebootServer: Story<RebootServer>
}

/** Upstream's MAX_CONSOLE_BYTES. */
const MAX_CONSOLE_BYTES = 100 * 1024

export function openServerDeeds(
  stories: Stories,
  { agents, network }: Pick<Parts, 'agents'> & { network: Network },
  { startServer, stopServer, rebootServer }: Stages,
): ServerDeeds {
  return {
    async start(caller, id) {
      const more = async () => ({})
      await begin(stories, caller, id, {
        move: 'start',
        task: 'powering-on',
        action: 'start',
        story: startServer,
        more,
      })
    },

    async stop(caller, id) {
      const more = async () => ({})
      await begin(stories, caller, id, { move: 'stop', task: 'powering-off', action: 'stop', story: stopServer, more })
    },

    async reboot(caller, id, kind) {
      await begin(stories, caller, id, {
        move: kind === 'soft' ? 'reboot soft' : 'reboot hard',
        word: 'reboot',
        task: kind === 'soft' ? 'rebooting' : 'rebooting_hard',
        action: 'reboot',
        story: rebootServer,
        more: async () => ({ kind }),
      })
    },

    changeSecurityGroup: (caller, id, nameOrId, change) => network.changeSecurityGroup(caller, id, nameOrId, change),

    async consoleOutput(caller, server, lines) {
      checkMove(server, 'read console', caller, 'get_console_output')
      try {
        const log = await agents.on(server.host!).hypervisor.consoleLog(server.id, MAX_CONSOLE_BYTES)
        return lines === undefined ? log : lastLines(log, lines)
      } catch (error) {
        // It is on its way up or down: there is no guest to have a console.
        if (isDomainError(error, 'agent.domain.unknown')) throw notReady(server.id)
        if (isDomainError(error)) {
          throw new DomainError('unavailable', 'compute.console.unavailable', 'The console log could not be read.', {
            cause: error,
          })
        }
        throw error
      }
    },
  }
}

function lastLines(text: string, lines: number): string {
  if (lines === 0) return ''
  const all = text.split('\n')
  // A newline at the end ends the last line and begins none.
  const ended = all.at(-1) === ''
  return all.slice(-(ended ? lines + 1 : lines)).join('\n')
}
