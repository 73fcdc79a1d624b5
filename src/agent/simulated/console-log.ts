/** The serial console of a simulated guest: what a small Linux would have printed by now, boot after boot. */
import type { DomainSpec } from '../contract.ts'

export function consoleText(spec: DomainSpec, boots: number): string {
  const lines: string[] = []
  for (let boot = 0; boot < boots; boot++) {
    lines.push(
      'SeaBIOS (simulated)',
      'Booting from Hard Disk...',
      '[    0.000000] Linux version 6.1.0-simulated (stratolith) #1 SMP PREEMPT_DYNAMIC',
      '[    0.000000] Command line: root=/dev/vda1 ro console=tty1 console=ttyS0',
      `[    0.004000] Memory: ${spec.ramMiB * 1024}K available`,
      `[    0.120000] smp: Brought up 1 node, ${spec.vcpus} CPU${spec.vcpus === 1 ? '' : 's'}`,
    )
    for (const disk of spec.disks) lines.push(`[    0.480000] ${disk.bus} ${disk.device}: attached`)
    for (const [index, nic] of spec.interfaces.entries())
      lines.push(`[    0.510000] virtio_net eth${index}: ${nic.macAddress} mtu ${nic.mtu}`)
    lines.push(`${spec.name}: ready after 1.20 s`, '', `${spec.name} login: `)
  }
  return lines.join('\n')
}
