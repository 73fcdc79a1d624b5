import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { choosePublicCidr, releasePublicCidrs } from './public-range.ts'

describe('the addresses of a public network', () => {
  let dir: string
  let claims: string
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'stratolith-range-'))
    claims = join(dir, 'claims')
  })
  after(() => rm(dir, { recursive: true, force: true }))

  const cloud = async (cloudId: string) => {
    const state = { dir: join(dir, cloudId), cloudId }
    await mkdir(state.dir)
    await writeFile(join(state.dir, 'cloud.json'), JSON.stringify({ cloudId }))
    return state
  }

  it('are not those of another cloud that has none of its networks up yet, and stay its own', async () => {
    const one = await cloud('00000001')
    const two = await cloud('00000002')
    const first = choosePublicCidr(one, claims)
    const second = choosePublicCidr(two, claims)
    assert.notEqual(second, first)
    assert.equal(choosePublicCidr(one, claims), first)
    assert.deepEqual((await readdir(join(claims, second.replace('/', '-')))).sort(), ['00000002'])
  })

  it('are free again when the cloud is gone', async () => {
    const one = await cloud('00000003')
    const range = choosePublicCidr(one, claims)
    await rm(one.dir, { recursive: true })
    assert.equal(choosePublicCidr(await cloud('00000004'), claims), range)
  })

  it('are given back by a cloud that is purged', async () => {
    const one = await cloud('00000005')
    const range = choosePublicCidr(one, claims)
    releasePublicCidrs(one.cloudId, claims)
    assert.equal(choosePublicCidr(await cloud('00000006'), claims), range)
  })

  it('may be anybody’s where no network is real', () => {
    assert.equal(choosePublicCidr(undefined, claims), choosePublicCidr(undefined, claims))
  })
})
