import { connect } from '@stratolith/libvirt'

const stop = new AbortController()
process.once('SIGINT', () => stop.abort())

await using connection = await connect(process.argv[2] ?? 'qemu:///system', { reconnect: true })
await using events = await connection.domains.watch({ signal: stop.signal })
console.log('Watching, until Ctrl-C')
for await (const event of events) {
  if (event.kind === 'events-lost') console.log(`something may have been missed (${event.cause}): list again`)
  else if (event.kind === 'lifecycle') console.log(`${event.domain.name}: ${event.event}, ${event.detail}`)
  else console.log(`${event.domain.name}: ${event.kind}`)
}
