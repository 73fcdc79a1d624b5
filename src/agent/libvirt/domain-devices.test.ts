import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  aliases,
  attribute,
  diskDevices,
  diskElement,
  interfaceElement,
  macAddresses,
  secretUuids,
} from './domain-devices.ts'

/** As libvirt 9.0 prints a running domain, shortened. */
const XML = `<domain type='qemu' id='3'>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/>
      <source file='/x/disk' index='2'/>
      <target dev='vda' bus='virtio'/>
      <alias name='virtio-disk0'/>
    </disk>
    <disk type='network' device='disk'>
      <auth username='u'>
        <secret type='iscsi' uuid='11111111-2222-5333-8444-555555555555'/>
      </auth>
      <source protocol='iscsi' name='iqn.2026-01.org.example:v/1' index='1'/>
      <target dev='vdb' bus='virtio'/>
      <alias name='virtio-disk1'/>
    </disk>
    <interface type='ethernet'>
      <mac address='fa:16:3e:00:00:01'/>
      <target dev='tap00000000-01' managed='no'/>
      <alias name='net0'/>
    </interface>
  </devices>
</domain>`

describe('devices in a domain’s XML', () => {
  it('finds a disk by its device name, whole, and no other', () => {
    const element = diskElement(XML, 'vdb')!
    assert.match(element, /^<disk type='network'[\s\S]*<\/disk>$/)
    assert.ok(!element.includes('vda'))
    assert.equal(diskElement(XML, 'vd'), undefined)
    assert.deepEqual(diskDevices(XML), ['vda', 'vdb'])
  })

  it('finds an interface by its MAC address in either case', () => {
    assert.equal(attribute(interfaceElement(XML, 'FA:16:3E:00:00:01')!, 'target', 'dev'), 'tap00000000-01')
    assert.equal(interfaceElement(XML, 'fa:16:3e:00:00:02'), undefined)
    assert.deepEqual(macAddresses(XML), ['fa:16:3e:00:00:01'])
  })

  it('knows which device an alias means, and which secrets the disks need', () => {
    assert.deepEqual(aliases(XML).get('virtio-disk1'), { kind: 'disk', device: 'vdb' })
    assert.deepEqual(aliases(XML).get('net0'), { kind: 'interface', device: 'fa:16:3e:00:00:01' })
    assert.deepEqual(secretUuids(XML), ['11111111-2222-5333-8444-555555555555'])
  })
})
