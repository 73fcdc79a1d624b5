import assert from 'node:assert/strict'
import { test } from 'node:test'
import { diskXml, domainXml, InvalidGuest, interfaceXml, METADATA_NAMESPACE, secretXml } from '../src/index.ts'
import { el, write } from '../src/xml.ts'
import { aDisk, aGuest, anIscsiDisk, anUuid, aPort } from './guests.ts'

const has = (xml: string, ...lines: string[]) => {
  const compact = xml.replaceAll(/\n\s*/g, '')
  for (const line of lines) assert.ok(compact.includes(line), `${line} is not in\n${xml}`)
}
const hasNot = (xml: string, ...words: string[]) => {
  for (const word of words) assert.ok(!xml.includes(word), `${word} is in\n${xml}`)
}
const refused = (path: string) => (error: unknown) => {
  assert.ok(error instanceof InvalidGuest, String(error))
  assert.equal(error.path, path)
  return true
}

test('the least guest is a whole one: firmware tables for cloud-init, a display, random numbers, a balloon', () => {
  const xml = domainXml(aGuest())
  has(
    xml,
    "<domain type='qemu'><name>instance-00000001</name>",
    `<uuid>${anUuid}</uuid>`,
    "<memory unit='MiB'>64</memory><vcpu placement='static'>1</vcpu>",
    "<entry name='manufacturer'>OpenStack Foundation</entry><entry name='product'>OpenStack Compute</entry>",
    `<entry name='uuid'>${anUuid}</entry><entry name='family'>Virtual Machine</entry>`,
    "<type arch='x86_64' machine='pc'>hvm</type>",
    "<smbios mode='sysinfo'/>",
    '<features><acpi/><apic/></features>',
    '<on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>destroy</on_crash>',
    "<video><model type='vga' heads='1'/></video>",
    "<memballoon model='virtio'><stats period='10'/></memballoon>",
    "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>",
  )
  hasNot(xml, '<graphics', '<serial type', '<channel', '<watchdog', '<metadata', '<tpm')
})

test('the same description gives the same text', () => {
  assert.equal(domainXml(aGuest()), domainXml(aGuest()))
})

test("under kvm a guest has the host's processor, emulated one that QEMU can do in full", () => {
  has(domainXml(aGuest({ virtType: 'kvm' })), "<domain type='kvm'>", "<cpu mode='host-passthrough' check='none'>")
  has(
    domainXml(aGuest({ vcpus: 4 })),
    "<cpu mode='custom' match='exact' check='none'><model fallback='forbid'>Nehalem</model>",
    "<topology sockets='4' dies='1' cores='1' threads='1'/>",
  )
  has(
    domainXml(
      aGuest({
        vcpus: 4,
        cpu: {
          mode: 'custom',
          model: 'Haswell-noTSX',
          features: [{ name: 'aes', policy: 'disable' }],
          topology: { sockets: 1, cores: 2, threads: 2 },
        },
      }),
    ),
    "<model fallback='forbid'>Haswell-noTSX</model><topology sockets='1' dies='1' cores='2' threads='2'/><feature policy='disable' name='aes'/>",
  )
  assert.throws(() => domainXml(aGuest({ cpu: { mode: 'host-passthrough' } })), refused('cpu.mode'))
  assert.throws(
    () => domainXml(aGuest({ vcpus: 3, cpu: { mode: 'maximum', topology: { sockets: 1, cores: 2, threads: 1 } } })),
    refused('cpu.topology'),
  )
})

test('a local disk names its format, so that nothing is probed, and pauses the guest when a write fails', () => {
  has(
    diskXml(aDisk({ bootOrder: 1, serial: 'abc-1', cache: 'none', discard: 'unmap' })),
    "<disk type='file' device='disk'>",
    "<driver name='qemu' type='qcow2' cache='none' discard='unmap' error_policy='stop' rerror_policy='stop'/>",
    "<source file='/var/lib/x/disk'/><target dev='vda' bus='virtio'/><serial>abc-1</serial><boot order='1'/></disk>",
  )
  has(diskXml(aDisk({ errorPolicy: 'enospace' })), "error_policy='enospace' rerror_policy='stop'")
})

test('a network disk logs in by a secret of libvirt, and its password stands nowhere', () => {
  has(
    diskXml(anIscsiDisk({ auth: { username: 'u<1>', secretUuid: anUuid } })),
    "<disk type='network' device='disk'><driver name='qemu' type='raw' error_policy='stop' rerror_policy='stop'/>",
    `<auth username='u&lt;1&gt;'><secret type='iscsi' uuid='${anUuid}'/></auth>`,
    "<source protocol='iscsi' name='iqn.2026-01.org.example:volume-1/1'><host name='127.0.0.1' port='3270'/>",
    "<initiator><iqn name='iqn.2026-01.org.example:host-a'/></initiator></source><target dev='vdb' bus='virtio'/>",
  )
})

test('a config drive is a read-only CD-ROM on the bus that every guest can read', () => {
  has(
    diskXml(aDisk({ format: 'raw', target: 'hdd', bus: 'ide', device: 'cdrom' })),
    "<disk type='file' device='cdrom'>",
    "<target dev='hdd' bus='ide'/><readonly/></disk>",
  )
})

test('limits, sharing and SCSI', () => {
  has(
    diskXml(aDisk({ limits: { readBytes: 1000, writeBytes: 2000, totalIops: 50 }, shareable: true })),
    '<iotune><read_bytes_sec>1000</read_bytes_sec><write_bytes_sec>2000</write_bytes_sec><total_iops_sec>50</total_iops_sec></iotune>',
    '<shareable/>',
  )
  has(
    domainXml(aGuest({ disks: [aDisk({ target: 'sda', bus: 'scsi' })] })),
    "<controller type='scsi' index='0' model='virtio-scsi'/>",
  )
  hasNot(domainXml(aGuest({ disks: [aDisk()] })), "type='scsi'")
})

test('a port is a tap that somebody else made and will take away', () => {
  has(
    interfaceXml(aPort({ mac: 'FA:16:3E:00:00:01', mtu: 1450, queues: 2, bootOrder: 2 })),
    "<interface type='ethernet'><mac address='fa:16:3e:00:00:01'/><target dev='tap0123456789a' managed='no'/>",
    "<model type='virtio'/><driver name='qemu' queues='2'/><mtu size='1450'/><boot order='2'/></interface>",
  )
  has(interfaceXml(aPort({ model: 'e1000' })), "managed='no'/><model type='e1000'/></interface>")
})

test('the serial console is a pty whose output is also appended to a file', () => {
  has(
    domainXml(aGuest({ serial: { logFile: '/var/lib/x/console.log' } })),
    "<serial type='pty'><log file='/var/lib/x/console.log' append='on'/><target type='isa-serial' port='0'/></serial>",
  )
})

test('VNC listens on this host only unless told otherwise, and brings a tablet', () => {
  has(
    domainXml(aGuest({ vnc: { password: 'secret' } })),
    "<input type='tablet' bus='usb'/><graphics type='vnc' port='-1' autoport='yes' passwd='secret'><listen type='address' address='127.0.0.1'/></graphics>",
  )
  hasNot(domainXml(aGuest({ vnc: {}, tablet: false })), 'tablet')
  assert.throws(() => domainXml(aGuest({ vnc: {}, video: { model: 'none' } })), refused('video.model'))
})

test('agent channel, watchdog and the rest are there when asked for', () => {
  has(
    domainXml(
      aGuest({
        guestAgent: true,
        watchdog: { action: 'reset' },
        memballoon: false,
        rng: { rate: { bytes: 1024, periodMs: 1000 }, source: '/dev/random' },
        video: { model: 'virtio', vramKiB: 16_384 },
        clock: { offset: 'localtime' },
        onReboot: 'destroy',
      }),
    ),
    "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>",
    "<watchdog model='i6300esb' action='reset'/>",
    "<memballoon model='none'/>",
    "<rng model='virtio'><rate bytes='1024' period='1000'/><backend model='random'>/dev/random</backend></rng>",
    "<model type='virtio' vram='16384' heads='1'/>",
    "<clock offset='localtime'>",
    '<on_reboot>destroy</on_reboot>',
  )
})

test('UEFI: libvirt finds a build, or one is named', () => {
  has(
    domainXml(aGuest({ machine: 'q35', firmware: { type: 'uefi', secureBoot: true, nvram: '/var/lib/x/vars.fd' } })),
    "<os firmware='efi'><type arch='x86_64' machine='q35'>hvm</type>",
    "<firmware><feature enabled='yes' name='secure-boot'/></firmware><nvram>/var/lib/x/vars.fd</nvram>",
    "<smm state='on'/>",
  )
  has(
    domainXml(aGuest({ firmware: { type: 'uefi', loader: { path: '/x/OVMF_CODE.fd', template: '/x/OVMF_VARS.fd' } } })),
    "<os><type arch='x86_64' machine='pc'>hvm</type><loader readonly='yes' type='pflash'>/x/OVMF_CODE.fd</loader><nvram template='/x/OVMF_VARS.fd'/>",
  )
  assert.throws(
    () => domainXml(aGuest({ firmware: { type: 'uefi', secureBoot: true } })),
    refused('firmware.secureBoot'),
  )
})

test('a PCI Express machine gets ports for what is there and for what may be plugged later, and no IDE', () => {
  const ports = (xml: string) => xml.split('pcie-root-port').length - 1
  assert.equal(ports(domainXml(aGuest())), 0)
  const empty = ports(domainXml(aGuest({ machine: 'q35', pcieHotplugPorts: 0 })))
  assert.equal(ports(domainXml(aGuest({ machine: 'q35', disks: [aDisk()], interfaces: [aPort()] }))), empty + 2 + 8)
  const config = aDisk({ format: 'raw', target: 'hdd', bus: 'ide', device: 'cdrom' })
  assert.throws(() => domainXml(aGuest({ machine: 'q35', disks: [config] })), refused('disks[0].bus'))
})

test('our own metadata stand under our own namespace', () => {
  has(
    domainXml(
      aGuest({
        title: 'web & co',
        metadata: { serverId: anUuid, serverName: '<b>web</b>', projectId: 'p1', projectName: 'demo', userId: 'u1' },
      }),
    ),
    '<title>web &amp; co</title>',
    `<stratolith:server xmlns:stratolith='${METADATA_NAMESPACE}' id='${anUuid}'>`,
    '<stratolith:name>&lt;b&gt;web&lt;/b&gt;</stratolith:name>',
    "<stratolith:project id='p1'>demo</stratolith:project><stratolith:user id='u1'/>",
  )
})

test('a secret is private and forgotten at the next start of libvirt unless told otherwise', () => {
  has(
    secretXml({ uuid: anUuid, usage: { type: 'iscsi', target: 'volume <1>' } }),
    `<secret ephemeral='yes' private='yes'><uuid>${anUuid}</uuid><usage type='iscsi'><target>volume &lt;1&gt;</target></usage></secret>`,
  )
  has(
    secretXml({ uuid: anUuid, description: 'd', ephemeral: false, usage: { type: 'ceph', name: 'client.cinder' } }),
    "<secret ephemeral='no' private='yes'>",
    "<description>d</description><usage type='ceph'><name>client.cinder</name></usage>",
  )
})

// ---- What must not get through -------------------------------------------------------------------------------

const hostile = [
  `'/><disk type='file'><source file='/etc/shadow'/></disk><x a='`,
  '</name><devices><hostdev/></devices>',
  ']]><!--',
  '&xxe;<!DOCTYPE x [<!ENTITY xxe SYSTEM "file:///etc/shadow">]>',
  '"&<>\'',
]

test('hostile text stays text: what a parser reads back is what was put in', () => {
  for (const text of [...hostile, 'tab\there', '漢字🙂', ' edges ']) {
    const xml = domainXml(
      aGuest({ title: text, metadata: { serverId: text, serverName: text, projectId: text, createdAt: text } }),
    )
    assert.equal(read(xml, 'title'), text)
    assert.equal(read(xml, 'stratolith:name'), text)
    assert.equal(xml.match(/<devices>/g)?.length, 1)
    hasNot(xml, '<hostdev', '<!', "file='/etc/shadow'")
  }
})

/** The text of an element, as a parser would read it. */
function read(xml: string, name: string): string {
  const inner = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1]
  assert.ok(inner !== undefined, name)
  const words: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }
  return inner.replaceAll(/&(?:#(\d+)|(\w+));/g, (_, code, word) =>
    code === undefined ? (words[word] as string) : String.fromCodePoint(Number(code)),
  )
}

test('characters that XML cannot carry are refused, wherever they stand', () => {
  for (const text of ['a\u0000b', 'a\u0008', '\u001b[31m', '\ufffe', '\uffff', '\ud800', 'x\udc00']) {
    assert.throws(() => domainXml(aGuest({ title: text })), InvalidGuest, JSON.stringify(text))
    assert.throws(
      () => domainXml(aGuest({ metadata: { serverId: text, serverName: 'a', projectId: 'p' } })),
      InvalidGuest,
    )
    assert.throws(() => diskXml(aDisk({ path: `/x/${text}` })), InvalidGuest)
  }
})

test('line ends survive an attribute', () => {
  assert.equal(write(el('x', { a: 'one\ntwo\tthree\r' })), "<x a='one&#10;two&#9;three&#13;'/>\n")
})

test('names of elements and attributes are never data', () => {
  assert.throws(() => write(el('a b')), /no element name/)
  assert.throws(() => write(el('a', { "x='1' y": 1 })), /no attribute name/)
})

test('values that cannot be right are refused by the name of their field', () => {
  const cases: [string, () => string][] = [
    ['uuid', () => domainXml(aGuest({ uuid: '123' }))],
    ['name', () => domainXml(aGuest({ name: '../../etc' }))],
    ['name', () => domainXml(aGuest({ name: '' }))],
    ['name', () => domainXml(aGuest({ name: 'a\nb' }))],
    ['memoryMiB', () => domainXml(aGuest({ memoryMiB: 0 }))],
    ['memoryMiB', () => domainXml(aGuest({ memoryMiB: 1.5 }))],
    ['vcpus', () => domainXml(aGuest({ vcpus: Number.NaN }))],
    ['virtType', () => domainXml(aGuest({ virtType: 'xen' as 'kvm' }))],
    ['machine', () => domainXml(aGuest({ machine: "pc'/><x" }))],
    ['emulator', () => domainXml(aGuest({ emulator: 'qemu' }))],
    ['title', () => domainXml(aGuest({ title: 'a\nb' }))],
    ['sysinfo.product', () => domainXml(aGuest({ sysinfo: { product: '' } }))],
    ['disks[0].path', () => domainXml(aGuest({ disks: [aDisk({ path: 'relative' })] }))],
    ['disks[0].format', () => domainXml(aGuest({ disks: [aDisk({ format: 'vmdk' as 'raw' })] }))],
    ['disks[0].target', () => domainXml(aGuest({ disks: [aDisk({ target: 'sda' })] }))],
    ['disks[0].bus', () => domainXml(aGuest({ disks: [aDisk({ device: 'cdrom' })] }))],
    ['disks[0].source', () => domainXml(aGuest({ disks: [aDisk({ source: 'rbd' as 'file' })] }))],
    ['disks[1].target', () => domainXml(aGuest({ disks: [aDisk(), aDisk()] }))],
    [
      'disks[1].bootOrder',
      () => domainXml(aGuest({ disks: [aDisk({ bootOrder: 1 }), anIscsiDisk({ bootOrder: 1 })] })),
    ],
    ['disk.serial', () => diskXml(aDisk({ serial: 'a/b' }))],
    ['disk.limits', () => diskXml(aDisk({ limits: { totalIops: 5, readIops: 5 } }))],
    ['disk.host', () => diskXml(anIscsiDisk({ host: 'a b' }))],
    ['disk.port', () => diskXml(anIscsiDisk({ port: 65_536 }))],
    ['disk.iqn', () => diskXml(anIscsiDisk({ iqn: 'iqn.2026-01.org.example:a/../b' }))],
    ['disk.initiator', () => diskXml(anIscsiDisk({ initiator: 'me' }))],
    ['disk.auth.secretUuid', () => diskXml(anIscsiDisk({ auth: { username: 'u', secretUuid: 'x' } }))],
    ['interface.tap', () => interfaceXml(aPort({ tap: 'a-name-of-sixteen' }))],
    ['interface.tap', () => interfaceXml(aPort({ tap: '../x' }))],
    ['interface.mac', () => interfaceXml(aPort({ mac: 'fa:16:3e:00:00' }))],
    ['interface.mac', () => interfaceXml(aPort({ mac: '01:16:3e:00:00:01' }))],
    ['interface.mtu', () => interfaceXml(aPort({ mtu: 0 }))],
    ['interface.queues', () => interfaceXml(aPort({ queues: 2, model: 'e1000' }))],
    ['interfaces[1].mac', () => domainXml(aGuest({ interfaces: [aPort(), aPort({ tap: 'tap2' })] }))],
    ['interfaces[1].tap', () => domainXml(aGuest({ interfaces: [aPort(), aPort({ mac: 'fa:16:3e:00:00:02' })] }))],
    ['serial.logFile', () => domainXml(aGuest({ serial: { logFile: 'x' } }))],
    ['vnc.listen', () => domainXml(aGuest({ vnc: { listen: 'localhost' } }))],
    ['vnc.password', () => domainXml(aGuest({ vnc: { password: 'more than eight' } }))],
    ['usage.type', () => secretXml({ uuid: anUuid, usage: { type: 'tls' as 'iscsi', target: 'x' } })],
  ]
  for (const [path, make] of cases) assert.throws(make, refused(path), path)
})
