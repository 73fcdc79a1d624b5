/** Asks the person at the terminal for what the daemon wants to know. */
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import type { ConnectOptions, Credentials, CredentialsQuestion } from '@stratolith/libvirt'
import { CommandError } from './command.ts'

/** For `connect`, where a person is there who may be asked and takes the time that it needs. */
export function interactiveOptions(): ConnectOptions {
  return process.stdin.isTTY ? { credentials: askCredentials, connectTimeoutMs: 0 } : {}
}

/** The name, unless it is known, and the password, which is not shown. @throws CommandError when none is given */
export async function askCredentials({ host, user, signal }: CredentialsQuestion): Promise<Credentials> {
  const { stdin, stderr } = process
  let hidden = false
  const output = new Writable({
    write: (chunk, _encoding, done) => {
      if (!hidden) stderr.write(chunk)
      done()
    },
  })
  // From here on the terminal shows nothing by itself.
  const lines = createInterface({ input: stdin, output, terminal: true })
  const ask = (question: string) =>
    new Promise<string>((resolve, reject) => {
      // Ctrl-C and Ctrl-D.
      lines.once('close', () => reject(new CommandError('no name and password were given')))
      lines.question(question, { signal }).then(resolve, reject)
    })
  try {
    const name = user ?? (await ask(`User on ${host}: `))
    stderr.write(`Password of ${name} on ${host}: `)
    hidden = true
    const password = await ask('')
    stderr.write('\n')
    return { user: name, password }
  } finally {
    lines.close()
  }
}
