import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { withoutMinorVersion } from './version-in-path.ts'

describe('a path of images', () => {
  it('means the newest version by any that there is', () => {
    assert.equal(withoutMinorVersion('/image/v2.5/images?limit=1'), '/image/v2/images?limit=1')
    assert.equal(withoutMinorVersion('/image/v2.0/images/x/file'), '/image/v2/images/x/file')
    assert.equal(withoutMinorVersion('/image//v2.18/images'), '/image/v2/images')
  })

  it('that has the version without a minor stays as it is', () => {
    for (const path of ['/image/v2/images', '/image/v2/images?name=/v2.5/', '/image/v2', '/image/v2?x=1']) {
      assert.equal(withoutMinorVersion(path), path)
    }
  })

  it('is that of all versions where its own is none', () => {
    for (const path of ['/image/', '/image/v1/images', '/image/v2.19/images', '/image/v3', '/image/images']) {
      assert.equal(withoutMinorVersion(path), '/image/', path)
    }
    assert.equal(withoutMinorVersion('/image/versions'), '/image/versions')
    assert.equal(withoutMinorVersion('/image/versions/'), '/image/versions')
    assert.equal(withoutMinorVersion('/image/versions/v2?x=1'), '/image/versions?x=1')
  })

  it('is none where it is another service’s', () => {
    for (const path of ['/image', '/', '/identity/v3/users', '/images/v2.5/images', '/compute/v2.1/images']) {
      assert.equal(withoutMinorVersion(path), path)
    }
  })
})
