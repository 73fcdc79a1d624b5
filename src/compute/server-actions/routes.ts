/**
 * `POST /servers/{id}/action`: what may be done to a server. Deeds that are not offered yet are refused by name, each with
 * the status that upstream has for a driver that cannot do it.
 */
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import Type, { type TSchema } from 'typebox'
import { type Action, action, actionRoute } from '../../http/actions.ts'
import type { PolicyTable } from '../../http/policy.ts'
import { gone, notOffered } from '../errors.ts'
import { checkMove } from '../lifecycle/check-move.ts'
import type { MoveName } from '../lifecycle/states.ts'
import { freeText } from '../parameter-types.ts'
import type { Servers } from '../servers/servers.ts'
import type { ServerDeeds } from './server-deeds.ts'

export interface ServerActionParts {
  readonly servers: Servers
  readonly deeds: ServerDeeds
  readonly policies: PolicyTable
}

const strict = { additionalProperties: false } as const
const Nothing = Type.Any()

/** `-1` and null are the whole log; a number may be text. */
const ConsoleOutputBody = Type.Object(
  {
    length: Type.Optional(
      Type.Union([
        Type.Integer({ minimum: -1, maximum: 0x7fffffff }),
        Type.String({ maxLength: 10, pattern: '^(-1|[0-9]+)$' }),
        Type.Null(),
      ]),
    ),
  },
  strict,
)
const RebootBody = Type.Object(
  { type: Type.Union(['HARD', 'Hard', 'hard', 'SOFT', 'Soft', 'soft'].map((kind) => Type.Literal(kind))) },
  strict,
)
const LockBody = Type.Union([
  Type.Any({ until: '2.72' }),
  Type.Object(
    { locked_reason: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })) },
    { ...strict, since: '2.73' },
  ),
  Type.Null({ since: '2.73' }),
])
const ResetStateBody = Type.Object({ state: Type.Union([Type.Literal('active'), Type.Literal('error')]) }, strict)
const SecurityGroupBody = Type.Object({ name: freeText(255) }, { additionalProperties: true })

export const serverActionRoutes: FastifyPluginAsync<ServerActionParts> = async (app, { servers, deeds, policies }) => {
  const idOf = (request: FastifyRequest) => (request.params as { server_id: string }).server_id
  const find = (request: FastifyRequest) => servers.get(request.caller, idOf(request))

  /** A deed that answers 202 and goes on by itself. */
  const accepted = <Schema extends TSchema>(
    policy: string,
    body: Schema,
    handle: (request: FastifyRequest, body: never) => Promise<void>,
  ): Action =>
    action({
      policy,
      body,
      handle: async (request, reply, value) => {
        await handle(request, value as never)
        return reply.code(202).send()
      },
    })

  /** A deed that is not offered. The server must be there, as it must be for a deed that is. */
  const refused = (policy: string, what: string, range: { since?: string; until?: string } = {}): Action =>
    action({
      policy,
      body: Nothing,
      ...range,
      handle: async (request) => {
        await find(request)
        throw notOffered(what)
      },
    })

  /** A deed on a state that no server here is ever in: upstream's answer is that of a wrong state. */
  const neverAllowed = (policy: string, move: MoveName, word: string): Action =>
    action({
      policy,
      body: Nothing,
      handle: async (request) => {
        checkMove(await find(request), move, request.caller, word)
        throw notOffered(word)
      },
    })

  const os = (name: string) => `os_compute_api:${name}`
  const actions: Record<string, Action> = {
    'os-start': accepted(os('servers:start'), Nothing, async (request) =>
      deeds.start(request.caller, (await find(request)).id),
    ),
    'os-stop': accepted(os('servers:stop'), Nothing, async (request) =>
      deeds.stop(request.caller, (await find(request)).id),
    ),
    reboot: accepted(os('servers:reboot'), RebootBody, async (request, body: { type: string }) =>
      deeds.reboot(request.caller, (await find(request)).id, body.type.toLowerCase() === 'hard' ? 'hard' : 'soft'),
    ),
    lock: accepted(os('os-lock-server:lock'), LockBody, async (request, body: { locked_reason?: string } | null) => {
      const reason = typeof body === 'object' && body !== null ? body.locked_reason : undefined
      await servers.lock(request.caller, idOf(request), typeof reason === 'string' ? reason : null)
    }),
    unlock: accepted(os('os-lock-server:unlock'), Nothing, (request) => servers.unlock(request.caller, idOf(request))),
    'os-resetState': accepted(
      os('os-admin-actions:reset_state'),
      ResetStateBody,
      (request, body: { state: 'active' | 'error' }) => servers.resetState(request.caller, idOf(request), body.state),
    ),
    forceDelete: accepted(os('os-deferred-delete:force'), Nothing, (request) =>
      servers.delete(request.caller, idOf(request)),
    ),
    addSecurityGroup: accepted(
      os('os-security-groups:add'),
      SecurityGroupBody,
      async (request, body: { name: string }) =>
        deeds.changeSecurityGroup(request.caller, (await find(request)).id, body.name, 'add'),
    ),
    removeSecurityGroup: accepted(
      os('os-security-groups:remove'),
      SecurityGroupBody,
      async (request, body: { name: string }) =>
        deeds.changeSecurityGroup(request.caller, (await find(request)).id, body.name, 'remove'),
    ),
    'os-getConsoleOutput': action({
      policy: os('os-console-output'),
      body: ConsoleOutputBody,
      handle: async (request, _reply, body) => {
        const server = await find(request)
        const { length } = body as { length?: number | string | null }
        const lines = length === undefined || length === null || Number(length) < 0 ? undefined : Number(length)
        return { output: await deeds.consoleOutput(request.caller, server, lines) }
      },
    }),

    restore: neverAllowed(os('os-deferred-delete:restore'), 'restore', 'restore'),
    confirmResize: neverAllowed(os('servers:confirm_resize'), 'confirm or revert resize', 'confirmResize'),
    revertResize: neverAllowed(os('servers:revert_resize'), 'confirm or revert resize', 'revertResize'),
    unpause: neverAllowed(os('os-pause-server:unpause'), 'unpause', 'unpause'),
    resume: neverAllowed(os('os-suspend-server:resume'), 'resume', 'resume'),
    unrescue: neverAllowed(os('os-unrescue'), 'unrescue', 'unrescue'),
    unshelve: neverAllowed(os('os-shelve:unshelve'), 'unshelve', 'unshelve'),
    shelveOffload: neverAllowed(os('os-shelve:shelve_offload'), 'unshelve', 'shelveOffload'),

    pause: refused(os('os-pause-server:pause'), 'Pausing a server'),
    suspend: refused(os('os-suspend-server:suspend'), 'Suspending a server'),
    rescue: refused(os('os-rescue'), 'Rescuing a server'),
    rebuild: refused(os('servers:rebuild'), 'Rebuilding a server'),
    resize: refused(os('servers:resize'), 'Resizing a server'),
    migrate: refused(os('os-migrate-server:migrate'), 'Migrating a server'),
    'os-migrateLive': refused(os('os-migrate-server:migrate_live'), 'Live migration'),
    evacuate: refused(os('os-evacuate'), 'Evacuating a server'),
    shelve: refused(os('os-shelve:shelve'), 'Shelving a server'),
    createImage: refused(os('servers:create_image'), 'Creating an image of a server'),
    createBackup: refused(os('os-create-backup'), 'Backing up a server'),
    changePassword: refused(os('os-admin-password'), 'Changing the password of a guest'),
    trigger_crash_dump: refused(os('servers:trigger_crash_dump'), 'Triggering a crash dump', { since: '2.17' }),
    injectNetworkInfo: refused(os('os-admin-actions:inject_network_info'), 'Injecting network information'),
    'os-getVNCConsole': refused(os('os-remote-consoles'), 'A VNC console', { until: '2.5' }),
    'os-getSPICEConsole': refused(os('os-remote-consoles'), 'A SPICE console', { until: '2.5' }),
    'os-getSerialConsole': refused(os('os-remote-consoles'), 'A serial console', { until: '2.5' }),
    resetNetwork: action({
      policy: os('os-admin-actions:inject_network_info'),
      body: Nothing,
      handle: async () => {
        throw gone()
      },
    }),
  }

  actionRoute(app, '/servers/:server_id/action', { policies, anyPolicy: os('servers:reboot'), actions })
}
