import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { createPrivateKey, createPublicKey } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { person } from '../../../test/support/service.ts'
import { type ResourcesUnderTest, resourcesUnderTest } from '../resources-under-test.ts'
import { newSshKeyPair, sshFingerprint, x509Fingerprint } from './ssh-key.ts'

const ED25519 = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ+FcDtPp4gTWkLdTKX4T1WRkPBsJzYWyXHkpEAJHoFk somebody@somewhere'

const CERTIFICATE = execCertificate()

function execCertificate(): string | undefined {
  try {
    return execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', '/CN=x', '-keyout', '/dev/null'],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
    )
  } catch {
    return undefined
  }
}

function hasSshKeygen(): boolean {
  return spawnSync('ssh-keygen', ['-?'], { stdio: 'ignore' }).error === undefined
}

describe('an ssh key', () => {
  it('has an MD5 fingerprint, whatever stands around it', () => {
    assert.match(sshFingerprint(ED25519) ?? '', /^([0-9a-f]{2}:){15}[0-9a-f]{2}$/)
    assert.equal(sshFingerprint(`  ${ED25519}\n`), sshFingerprint(ED25519))
  })
  it('has the fingerprint that ssh-keygen shows', { skip: !hasSshKeygen() && 'no ssh-keygen here' }, async () => {
    const { publicKey, fingerprint } = await newSshKeyPair()
    for (const key of [ED25519, publicKey]) {
      const shown = execFileSync('ssh-keygen', ['-l', '-E', 'md5', '-f', '-'], { input: key, encoding: 'utf8' })
      assert.equal(shown.split(' ')[1], `MD5:${key === publicKey ? fingerprint : sshFingerprint(key)}`)
    }
  })
  it('that we make is one that its private part belongs to', async () => {
    const { privateKey, publicKey, fingerprint } = await newSshKeyPair()
    assert.equal(sshFingerprint(publicKey), fingerprint)
    const [, encoded] = publicKey.split(' ')
    const { n } = createPublicKey(createPrivateKey(privateKey)).export({ format: 'jwk' })
    assert.ok(Buffer.from(encoded!, 'base64').includes(Buffer.from(n!, 'base64url')))
    assert.match(privateKey, /^-----BEGIN RSA PRIVATE KEY-----/)
  })
  it('is refused when anything of it is missing, added or of an unknown kind', () => {
    const [type, blob] = ED25519.split(' ') as [string, string]
    const bytes = Buffer.from(blob, 'base64')
    for (const bad of [
      '',
      'ssh-ed25519',
      blob,
      `ssh-rsa ${blob}`,
      `${type} ${bytes.subarray(0, -1).toString('base64')}`,
      `${type} ${Buffer.concat([bytes, Buffer.of(0)]).toString('base64')}`,
      `${type} ${'!'.repeat(60)}`,
      `ssh-what ${blob}`,
      `${type} AAAA`,
    ]) {
      assert.equal(sshFingerprint(bad), undefined, bad.slice(0, 40))
    }
  })
  it('of type x509 is a certificate', { skip: CERTIFICATE === undefined && 'no openssl here' }, () => {
    assert.match(x509Fingerprint(CERTIFICATE!) ?? '', /^([0-9a-f]{2}:){19}[0-9a-f]{2}$/)
    assert.equal(x509Fingerprint('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'), undefined)
  })
})

describe('keypairs', () => {
  let compute: ResourcesUnderTest
  before(async () => {
    compute = await resourcesUnderTest()
  })
  after(() => compute[Symbol.asyncDispose]())

  const put = (who: 'demo' | 'admin' | 'alt', keypair: object, version = '2.1') =>
    compute.at(version).ask(who, 'POST', '/os-keypairs', { keypair })
  const remove = (who: 'demo' | 'admin' | 'alt', name: string) => compute.ask(who, 'DELETE', `/os-keypairs/${name}`)

  it('are imported, shown, listed and deleted by their owner', async () => {
    const made = await put('demo', { name: 'mine', public_key: ED25519 })
    assert.equal(made.status, 200)
    assert.deepEqual(made.body.keypair, {
      name: 'mine',
      public_key: ED25519,
      fingerprint: sshFingerprint(ED25519),
      user_id: person('demo').userId,
    })
    const shown = await compute.ask('demo', 'GET', '/os-keypairs/mine')
    assert.deepEqual(
      [shown.body.keypair.deleted, shown.body.keypair.deleted_at, shown.body.keypair.updated_at],
      [false, null, null],
    )
    assert.match(shown.body.keypair.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/)
    const listed = await compute.ask('demo', 'GET', '/os-keypairs')
    assert.deepEqual(listed.body, {
      keypairs: [{ keypair: { name: 'mine', public_key: ED25519, fingerprint: sshFingerprint(ED25519) } }],
    })
    assert.equal((await compute.ask('alt', 'GET', '/os-keypairs/mine')).status, 404)
    assert.equal((await remove('demo', 'mine')).status, 202)
    assert.equal((await remove('demo', 'mine')).status, 404)
  })

  it('are generated up to 2.91, and the private key is shown once', async () => {
    const made = await put('demo', { name: 'new' }, '2.91')
    assert.equal(made.status, 201)
    assert.match(made.body.keypair.private_key, /PRIVATE KEY/)
    assert.equal(sshFingerprint(made.body.keypair.public_key), made.body.keypair.fingerprint)
    assert.equal('private_key' in (await compute.ask('demo', 'GET', '/os-keypairs/new')).body.keypair, false)
    await remove('demo', 'new')
    assert.equal((await put('demo', { name: 'new' }, '2.92')).status, 400)
  })

  it('have a type and proper status codes from 2.2 on', async () => {
    assert.equal((await put('demo', { name: 'typed', public_key: ED25519, type: 'ssh' }, '2.1')).status, 400)
    const made = await put('demo', { name: 'typed', public_key: ED25519, type: 'ssh' }, '2.2')
    assert.deepEqual([made.status, made.body.keypair.type], [201, 'ssh'])
    assert.equal((await compute.at('2.2').ask('demo', 'DELETE', '/os-keypairs/typed')).status, 204)
  })

  it('of type x509 are imported and not generated', {
    skip: CERTIFICATE === undefined && 'no openssl here',
  }, async () => {
    const made = await put('demo', { name: 'cert', type: 'x509', public_key: CERTIFICATE }, '2.2')
    assert.deepEqual([made.status, made.body.keypair.type], [201, 'x509'])
    await remove('demo', 'cert')
    const refused = await put('demo', { name: 'cert', type: 'x509' }, '2.2')
    assert.deepEqual([refused.status, /not offered/.test(refused.body.badRequest.message)], [400, true])
  })

  it('are unique for each user', async () => {
    assert.equal((await put('demo', { name: 'same', public_key: ED25519 })).status, 200)
    assert.equal((await put('alt', { name: 'same', public_key: ED25519 })).status, 200)
    const again = await put('demo', { name: 'same', public_key: ED25519 })
    assert.deepEqual([again.status, again.body.conflictingRequest.message], [409, "Key pair 'same' already exists."])
    await remove('demo', 'same')
    await remove('alt', 'same')
  })

  it('of other users are an admin’s to see from 2.10 on', async () => {
    const userId = person('demo').userId
    const made = await put('admin', { name: 'given', public_key: ED25519, user_id: userId }, '2.10')
    assert.equal(made.body.keypair.user_id, userId)
    assert.equal((await compute.ask('demo', 'GET', '/os-keypairs/given')).status, 200)
    const at = compute.at('2.10')
    assert.equal((await at.ask('admin', 'GET', `/os-keypairs?user_id=${userId}`)).body.keypairs.length, 1)
    assert.equal((await at.ask('admin', 'GET', `/os-keypairs/given?user_id=${userId}`)).status, 200)
    assert.equal((await at.ask('alt', 'GET', `/os-keypairs?user_id=${userId}`)).status, 403)
    assert.equal((await put('alt', { name: 'x', public_key: ED25519, user_id: userId }, '2.10')).status, 403)
    assert.equal((await compute.ask('alt', 'GET', `/os-keypairs?user_id=${userId}`)).body.keypairs.length, 0)
    assert.equal((await at.ask('admin', 'DELETE', `/os-keypairs/given?user_id=${userId}`)).status, 204)
  })

  it('come in pages by name from 2.35 on', async () => {
    for (const name of ['c', 'a', 'b']) await put('demo', { name, public_key: ED25519 })
    const at = compute.at('2.35')
    const first = await at.ask('demo', 'GET', '/os-keypairs?limit=2')
    const names = (answer: { body: { keypairs: { keypair: { name: string } }[] } }) =>
      answer.body.keypairs.map(({ keypair }) => keypair.name)
    assert.deepEqual(names(first), ['a', 'b'])
    const { search } = new URL(first.body.keypairs_links[0].href)
    assert.deepEqual(names(await at.ask('demo', 'GET', `/os-keypairs${search}`)), ['c'])
    assert.equal((await at.ask('demo', 'GET', '/os-keypairs?marker=nobody')).status, 400)
    assert.deepEqual(names(await compute.at('2.34').ask('demo', 'GET', '/os-keypairs?limit=2')), ['a', 'b', 'c'])
    for (const name of ['a', 'b', 'c']) await remove('demo', name)
  })

  it('are refused with a bad name or a bad key', async () => {
    for (const keypair of [
      { name: '', public_key: ED25519 },
      { name: 'a.b', public_key: ED25519 },
      { name: ' a', public_key: ED25519 },
      { name: 'x'.repeat(256), public_key: ED25519 },
      { name: 'ok', public_key: 'ssh-rsa nothing' },
      { name: 'ok', public_key: '' },
      { name: 'ok', public_key: `${ED25519}\u0000` },
      { name: 'ok', public_key: ED25519, colour: 'red' },
      { public_key: ED25519 },
    ]) {
      assert.equal((await put('demo', keypair)).status, 400, JSON.stringify(keypair).slice(0, 60))
    }
    assert.equal((await put('demo', { name: 'a.b@c', public_key: ED25519 }, '2.92')).status, 201)
    await remove('demo', 'a.b@c')
  })

  it('are as many as the quota allows, also when asked for at once', async () => {
    await compute.resources.quotas.set(person('alt').projectId!, { key_pairs: 3 }, { force: true })
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, at) => put('alt', { name: `k${at}`, public_key: ED25519 })),
    )
    assert.equal(answers.filter(({ status }) => status === 200).length, 3)
    const refused = answers.find(({ status }) => status !== 200)
    assert.deepEqual([refused!.status, refused!.body.forbidden.message], [403, 'Quota exceeded, too many key pairs.'])
  })
})
