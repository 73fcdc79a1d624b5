/** One method per procedure, made from the generated tables. */
import { qemuCalls, remoteCalls } from './generated/protocol.ts'
import type { RawApi } from './generated/types.ts'
import type { CallOptions } from './rpc/call.ts'
import type { CallOnSession } from './rpc/link.ts'
import { PROGRAM_QEMU, PROGRAM_REMOTE } from './rpc/packet.ts'

/** The methods, each a call of this function. */
export function rawApi(call: CallOnSession): RawApi {
  const methods: Record<string, (args: unknown, options?: CallOptions) => Promise<unknown>> = {}
  for (const entry of remoteCalls) methods[entry[1]] = (args, options) => call(PROGRAM_REMOTE, entry, args, options)
  for (const entry of qemuCalls) methods[entry[1]] = (args, options) => call(PROGRAM_QEMU, entry, args, options)
  return methods as unknown as RawApi
}
