/** A guest's console in this terminal. */
import { Transform } from 'node:stream'
import type { Domain } from '@stratolith/libvirt'
import * as C from '@stratolith/libvirt/constants'
import { CommandError, command, flagsOf, type Session } from './command.ts'
import { findDomain } from './find.ts'
import { interruptible } from './interrupt.ts'

const flagOptions = { force: C.VIR_DOMAIN_CONSOLE_FORCE, safe: C.VIR_DOMAIN_CONSOLE_SAFE }

export const consoleCommand = command('console', 'the text console of a domain, in this terminal', {
  arguments: {
    domain: { about: 'its name, its number or its uuid' },
    devname: { about: 'alias of another console or serial line', optional: true },
  },
  options: {
    force: { about: 'take it from whoever has it' },
    safe: { about: 'only if the driver keeps others out' },
  },
  example: 'console web',
  async run(given, session) {
    const guest = await findDomain(session.connection, given.domain)
    await attachConsole(guest, { device: given.devname ?? null, flags: flagsOf(given, flagOptions) }, session)
  },
})

/** Until the person leaves it or the guest's end closes. The terminal is then as it was before. */
export async function attachConsole(
  guest: Domain,
  { device, flags }: { device: string | null; flags: number },
  { terminal, escapeByte }: Session,
): Promise<void> {
  const { stdin: input, stdout: output } = process
  if (!input.isTTY) throw new CommandError('Cannot run interactive console without a controlling TTY')
  if (!(await guest.isActive())) throw new CommandError('The domain is not running')
  const line = await guest.openConsole(device, flags)

  const key = String.fromCharCode(escapeByte + 64)
  terminal.remark(`Connected to domain '${guest.name}'\nEscape character is ^${key} (Ctrl + ${key})\n`)
  const typed = untilByte(escapeByte)
  using interrupt = interruptible()
  // From here on every key is the guest's, Ctrl-C too.
  input.setRawMode(true)
  try {
    await new Promise<void>((leave, fail) => {
      interrupt.signal.addEventListener('abort', () => fail(interrupt.signal.reason), { once: true })
      typed.once('end', leave)
      line.once('end', leave)
      line.once('error', fail)
      line.pipe(output, { end: false })
      input.pipe(typed).pipe(line, { end: false })
    })
  } finally {
    input.setRawMode(false)
    input.unpipe(typed)
    input.pause()
    line.destroy()
  }
}

/** Lets through what comes before the byte, and ends there. */
function untilByte(byte: number): Transform {
  let ended = false
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const at = chunk.indexOf(byte)
      if (ended) done()
      else if (at === -1) done(null, chunk)
      else {
        ended = true
        this.push(chunk.subarray(0, at))
        this.push(null)
        done()
      }
    },
  })
}
