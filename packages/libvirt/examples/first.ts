import { connect } from '@stratolith/libvirt'

await using connection = await connect(process.argv[2] ?? 'qemu:///system')
const host = await connection.node.info()
console.log(`${await connection.hostname()} has ${host.cpus} processors and ${host.memoryKiB} KiB of memory`)
for (const { domain, state, reason } of await connection.domains.listWithState()) {
  const { vcpus, memoryKiB } = await domain.info()
  console.log(`${domain.name} is ${state} (${reason}), with ${vcpus} processors and ${memoryKiB} KiB`)
}
