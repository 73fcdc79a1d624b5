import { once } from 'node:events'
import { connect } from '@stratolith/libvirt'

const [name = '', uri = 'qemu:///system'] = process.argv.slice(2)
const { stdin, stdout } = process

await using connection = await connect(uri)
const domain = await connection.domains.lookupByName(name)
const line = await domain.openConsole()

async function untilLeft(): Promise<void> {
  for await (const keys of stdin as AsyncIterable<Buffer>) {
    if (keys.includes(0x1d)) return // Ctrl-]
    line.write(keys)
  }
}
console.log(`The console of ${name}, until Ctrl-]`)
stdin.setRawMode(true) // every key is the guest's, Ctrl-C too
line.pipe(stdout)
try {
  await Promise.race([untilLeft(), once(line, 'end')])
} finally {
  stdin.setRawMode(false)
  stdin.destroy()
  line.destroy()
}
