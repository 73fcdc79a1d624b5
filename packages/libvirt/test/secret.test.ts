/** Secrets, on the real driver: the built-in one has none. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'
import * as C from '../src/generated/constants.ts'
import type { Connection, LibvirtError } from '../src/index.ts'
import { reach } from './daemons.ts'
import { until } from './fake-daemon.ts'

const real = await reach(process.env.LIBVIRT_TEST_URI ?? 'qemu:///system')
const skip = typeof real === 'string' ? real : false
const connection = real as Connection
after(async () => {
  if (typeof real !== 'string') await real.close()
})
const xml = (uuid: string, target: string, isPrivate = 'no') =>
  `<secret ephemeral='yes' private='${isPrivate}'><uuid>${uuid}</uuid><usage type='iscsi'><target>${target}</target></usage></secret>`

test('a secret is defined, filled, found by its use and forgotten', { skip }, async () => {
  const { secrets } = connection
  const uuid = randomUUID()
  const target = `libvirt-ts-${uuid}`
  const secret = await secrets.defineXml(xml(uuid, target), C.VIR_SECRET_DEFINE_VALIDATE)
  assert.equal(secret.uuid, uuid)
  assert.equal(secret.usageType, 'iscsi')
  assert.equal(secret.usageId, target)
  await assert.rejects(secret.value(), (error: LibvirtError) => error.isNotFound())
  await secret.setValue('geheim')
  assert.equal(Buffer.from(await secret.value()).toString(), 'geheim')
  await secret.setValue(new Uint8Array([0, 255]))
  assert.deepEqual([...(await secret.value())], [0, 255])
  assert.match(await secret.xml(), new RegExp(`<target>${target}</target>`))
  assert.equal((await secrets.lookupByUsage('iscsi', target)).uuid, uuid)
  assert.equal((await secrets.lookupByUuid(uuid)).usageId, target)
  assert.ok((await secrets.numOf()) > 0)
  assert.ok((await secrets.list()).includes(uuid))
  assert.ok((await secrets.listAll(C.VIR_CONNECT_LIST_SECRETS_EPHEMERAL)).some((listed) => listed.uuid === uuid))
  await secret.undefine()
  assert.equal(await secrets.findByUsage('iscsi', target), undefined)
  assert.equal(await secrets.findByUuid(uuid), undefined)
})

test('a private secret is never shown', { skip }, async () => {
  const uuid = randomUUID()
  const secret = await connection.secrets.defineXml(xml(uuid, `libvirt-ts-${uuid}`, 'yes'))
  await secret.setValue('geheim')
  await assert.rejects(secret.value(), (error: LibvirtError) => error.code === C.VIR_ERR_INVALID_SECRET)
  await secret.undefine()
})

test('secrets tell when they come, change and go', { skip, timeout: 20_000 }, async () => {
  const uuid = randomUUID()
  const { secrets } = connection
  const heard: string[] = []
  const stop = await secrets.on('value-changed', ({ secret }) => secret.uuid === uuid && heard.push(secret.usageId))
  await using events = await secrets.watch()
  const secret = await secrets.defineXml(xml(uuid, `libvirt-ts-${uuid}`))
  await using ofThis = await secret.watch({ kinds: ['value-changed'] })
  await secret.setValue('new')
  await secret.undefine()
  const told: string[] = []
  for await (const event of events) {
    if (event.kind === 'events-lost' || event.secret.uuid !== uuid) continue
    told.push(event.kind === 'lifecycle' ? event.event : event.kind)
    if (told.at(-1) === 'undefined') break
  }
  assert.deepEqual(told, ['defined', 'value-changed', 'undefined'])
  assert.deepEqual((await ofThis.next()).value, {
    kind: 'value-changed',
    secret: { uuid, usageType: 'iscsi', usageId: `libvirt-ts-${uuid}` },
  })
  await until(() => heard.length === 1)
  await stop()
  assert.deepEqual(heard, [`libvirt-ts-${uuid}`])
})
