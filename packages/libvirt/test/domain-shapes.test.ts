/** How answers of a daemon become values: what no daemon at hand can be made to say. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cpuList, cpuMapBytes, cpusOfMap, cpusOfMaps } from '../src/cpu-map.ts'
import * as C from '../src/generated/constants.ts'
import type { TypedParam } from '../src/generated/types.ts'
import type { LibvirtError } from '../src/index.ts'
import { paramLists, paramsOf, toParams } from '../src/typed-params.ts'
import { FakeDaemon } from './fake-daemon.ts'

const uuid = '07070707-0707-0707-0707-070707070707'
const text = (field: string, value: string): TypedParam => ({ field, value: { type: C.VIR_TYPED_PARAM_STRING, value } })
const large = (field: string, value: bigint): TypedParam => ({
  field,
  value: { type: C.VIR_TYPED_PARAM_ULLONG, value },
})

async function daemonWithGuest() {
  const daemon = await new FakeDaemon().listen()
  const connection = await daemon.connect()
  const guest = connection.domains.handle(uuid, 'guest')
  return {
    daemon,
    guest,
    [Symbol.asyncDispose]: async () => {
      await connection.close()
      await daemon[Symbol.asyncDispose]()
    },
  }
}

test('figures of more CPUs than one answer carries are fetched in parts', async () => {
  await using here = await daemonWithGuest()
  const asked: [number, number, number][] = []
  here.daemon.answers.domainGetCpuStats = ({ args }) => {
    const { startCpu, ncpus, nparams } = args as { startCpu: number; ncpus: number; nparams: number }
    asked.push([startCpu, ncpus, nparams])
    if (ncpus === 0) return { params: [], nparams: 300 }
    if (nparams === 0) return { params: [], nparams: startCpu === -1 ? 3 : 2 }
    const params = Array.from({ length: ncpus }, (_, cpu) => [
      large('cpu_time', BigInt(startCpu + cpu)),
      large('vcpu_time', 1n),
    ])
    return { params: params.flat(), nparams: 2 }
  }
  const each = await here.guest.cpuStatsOfEach()
  assert.equal(each.length, 300)
  assert.equal(each[299]?.cpu_time, 299n)
  assert.deepEqual(asked.slice(2), [
    [0, 128, 2],
    [128, 128, 2],
    [256, 44, 2],
  ])
  here.daemon.answers.domainGetCpuStats = () => ({ params: [], nparams: 0 })
  assert.deepEqual(Object.keys(await here.guest.cpuStats()), [])
  assert.deepEqual(await here.guest.cpuStatsOfEach(), [])
})

test('pinning asks for as many maps and bytes as the host and the guest have', async () => {
  await using here = await daemonWithGuest()
  let asked: unknown
  here.daemon.answers.nodeGetCpuMap = () => ({ cpumap: new Uint8Array(), online: 0, ret: 20 })
  here.daemon.answers.domainGetVcpusFlags = () => ({ num: 2 })
  here.daemon.answers.domainGetVcpuPinInfo = ({ args }) => {
    asked = args
    return { cpumaps: Uint8Array.of(1, 0, 8, 255, 255, 15), num: 2 }
  }
  const [first, second] = await here.guest.vcpuPinInfo()
  assert.deepEqual(first, [0, 19])
  assert.equal(second?.length, 20)
  assert.partialDeepStrictEqual(asked, { ncpumaps: 2, maplen: 3 })

  here.daemon.answers.domainGetInfo = () => ({ state: 1, maxMem: 1n, memory: 1n, nrVirtCpu: 1, cpuTime: 0n })
  here.daemon.answers.domainGetVcpus = () => ({
    info: [{ number: 0, state: 2, cpuTime: 5n, cpu: C.VIR_VCPU_INFO_CPU_OFFLINE }],
    cpumaps: Uint8Array.of(2, 0, 0),
  })
  assert.deepEqual(await here.guest.vcpus(), [
    { number: 0, state: 'blocked', cpuTimeNs: 5n, cpu: undefined, affinity: [1] },
  ])
  here.daemon.answers.domainGetEmulatorPinInfo = () => ({ cpumaps: new Uint8Array(), ret: 0 })
  assert.equal(await here.guest.emulatorPinInfo(), undefined)
})

test('what an agent tells comes by the names of libvirt', async () => {
  await using here = await daemonWithGuest()
  const { answers } = here.daemon
  answers.domainGetGuestInfo = () => ({ params: [text('os.id', 'debian'), large('user.0.login-time', 5n)] })
  answers.domainGetGuestVcpus = () => ({ params: [text('vcpus', '0-1'), text('online', '0')] })
  answers.domainAuthorizedSshKeysGet = () => ({ keys: ['ssh-ed25519 AAAA'] })
  answers.qemuDomainAgentCommand = () => ({ result: '{"return":{}}' })
  let set: unknown
  for (const name of ['domainSetGuestVcpus', 'domainSetVcpu', 'domainAuthorizedSshKeysSet']) {
    answers[name] = ({ args }) => {
      set = args
    }
  }
  const info = await here.guest.guestInfo()
  assert.equal(info['os.id'], 'debian')
  assert.equal(info['user.0.login-time'], 5n)
  assert.equal((await here.guest.guestVcpus()).vcpus, '0-1')
  assert.deepEqual(await here.guest.authorizedSshKeys('root'), ['ssh-ed25519 AAAA'])
  assert.equal(await here.guest.agentCommand('{"execute":"guest-ping"}'), '{"return":{}}')
  await here.guest.setGuestVcpus([0, 3], false)
  assert.partialDeepStrictEqual(set, { cpumap: '0,3', state: 0 })
  await here.guest.setVcpu([1], true, C.VIR_DOMAIN_AFFECT_LIVE)
  assert.partialDeepStrictEqual(set, { cpumap: '1', state: 1, flags: C.VIR_DOMAIN_AFFECT_LIVE })
  await here.guest.setAuthorizedSshKeys('root', [])
  assert.partialDeepStrictEqual(set, { user: 'root', keys: [] })
})

test('numbers of states that only a newer daemon knows are unknown, not wrong', async () => {
  await using here = await daemonWithGuest()
  const { answers } = here.daemon
  answers.domainGetControlInfo = () => ({ state: 9, details: 9, stateTime: 70_000n })
  answers.domainGetJobStats = () => ({
    type: 9,
    params: [{ field: 'operation', value: { type: C.VIR_TYPED_PARAM_INT, value: 99 } }],
  })
  answers.domainGetBlockJobInfo = () => ({ found: 1, type: 99, bandwidth: 1n, cur: 2n, end: 3n })
  answers.domainGetDiskErrors = () => ({
    errors: [{ disk: 'vda', error: C.VIR_DOMAIN_DISK_ERROR_NO_SPACE }],
    nerrors: 1,
  })
  answers.domainGetSecurityLabel = () => ({ label: Uint8Array.of(0x61, 0x62, 0, 0x63), enforcing: 1 })
  assert.deepEqual(await here.guest.controlInfo(), { state: 'unknown', reason: 'unknown', stateTimeMs: 70_000 })
  assert.partialDeepStrictEqual(await here.guest.jobStats(), { type: 'unknown', operation: 'unknown' })
  assert.deepEqual(await here.guest.blockJobInfo('vda'), { type: 'unknown', bandwidth: 1n, current: 2n, end: 3n })
  assert.deepEqual(await here.guest.diskErrors(), [{ disk: 'vda', error: 'no-space' }])
  assert.deepEqual(await here.guest.securityLabel(), { label: 'ab', enforcing: true })
})

test('parameters are plain objects in both directions', () => {
  const params = [
    text('name', 'a'),
    text('name', 'b'),
    large('large', 1n << 63n),
    { field: 'flag', value: { type: C.VIR_TYPED_PARAM_BOOLEAN, value: 1 } },
    { field: 'constructor', value: { type: C.VIR_TYPED_PARAM_INT, value: -1 } },
  ] as TypedParam[]
  assert.deepEqual({ ...paramsOf(params) }, { name: 'b', large: 1n << 63n, flag: true, constructor: -1 })
  assert.deepEqual(paramLists(params).name, ['a', 'b'])

  const types = { a: 'int', b: 'uint', c: 'llong', d: 'ullong', e: 'double', f: 'boolean', g: 'string' } as const
  const sent = toParams({ a: -1, b: 2, c: -3, d: 4n, e: 5, f: true, g: 'x', h: 'y', i: false, j: undefined }, types)
  assert.deepEqual(
    sent.map(({ field, value }) => [field, value.type, value.value]),
    [
      ['a', C.VIR_TYPED_PARAM_INT, -1],
      ['b', C.VIR_TYPED_PARAM_UINT, 2],
      ['c', C.VIR_TYPED_PARAM_LLONG, -3n],
      ['d', C.VIR_TYPED_PARAM_ULLONG, 4n],
      ['e', C.VIR_TYPED_PARAM_DOUBLE, 5],
      ['f', C.VIR_TYPED_PARAM_BOOLEAN, 1],
      ['g', C.VIR_TYPED_PARAM_STRING, 'x'],
      ['h', C.VIR_TYPED_PARAM_STRING, 'y'],
      ['i', C.VIR_TYPED_PARAM_BOOLEAN, 0],
    ],
  )
  assert.deepEqual(
    toParams({ list: ['x', 'y'] }).map(({ value }) => value.value),
    ['x', 'y'],
  )
})

test('a number that its type cannot hold is refused by the name of the parameter', () => {
  const types = { a: 'int', b: 'uint', c: 'llong', d: 'ullong', e: 'double', f: 'boolean', g: 'string' } as const
  const wrong: [keyof typeof types, unknown][] = [
    ['a', 0x8000_0000],
    ['a', 1.5],
    ['b', -1],
    ['b', 2 ** 32],
    ['b', Number.NaN],
    ['c', 1n << 63n],
    ['c', 2 ** 53],
    ['d', -1],
    ['d', 1n << 64n],
    ['d', true],
    ['e', 'x'],
    ['f', 1],
    ['g', 1],
    ['g', false],
  ]
  for (const [name, value] of wrong) {
    assert.throws(
      () => toParams({ [name]: value as never }, types),
      (error: LibvirtError) =>
        error.origin === 'request' && error.message.startsWith(`the parameter ${name} cannot be`),
      `${name} ${value}`,
    )
  }
})

test('sets of CPUs are numbers here, bits and lists there', () => {
  assert.deepEqual([...cpuMapBytes([0, 7, 8, 19])], [0x81, 0x01, 0x08])
  assert.deepEqual([...cpuMapBytes([])], [0])
  assert.deepEqual(cpusOfMap(Uint8Array.of(0x81, 0x01, 0x08)), [0, 7, 8, 19])
  assert.deepEqual(cpusOfMaps(Uint8Array.of(1, 2, 3), 2), [[0, 9]])
  assert.deepEqual(cpusOfMaps(Uint8Array.of(1), 0), [])
  assert.equal(cpuList([0, 2, 5]), '0,2,5')
  for (const wrong of [-1, 1.5, Number.NaN, 1 << 20]) {
    assert.throws(
      () => cpuMapBytes([wrong]),
      (error: LibvirtError) => error.origin === 'request',
    )
    assert.throws(
      () => cpuList([wrong]),
      (error: LibvirtError) => error.origin === 'request',
    )
  }
})
