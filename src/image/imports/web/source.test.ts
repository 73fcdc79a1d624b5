/** What may be named as the source of an image, and which addresses are reached. */
import assert from 'node:assert/strict'
import { networkInterfaces } from 'node:os'
import { describe, it } from 'node:test'
import { DEFAULT_SETTINGS, type WebSettings } from '../../settings.ts'
import { isAllowedAddress } from './address.ts'
import { readSource, resolveSource, SourceRefused, SourceUnknown } from './source.ts'

const settings = (wish: Partial<WebSettings> = {}): WebSettings => ({ ...DEFAULT_SETTINGS.web, ...wish })
const read = (uri: string, wish: Partial<WebSettings> = {}) => readSource(uri, settings(wish))
const refused = (uri: string, wish: Partial<WebSettings> = {}) =>
  assert.throws(
    () => read(uri, wish),
    (error) => error instanceof SourceRefused,
    uri,
  )

describe('the source of an image', () => {
  it('is a URL of http or https', () => {
    assert.equal(read('https://cloud.example/images/debian.qcow2?x=1').host, 'cloud.example')
    assert.equal(read('HTTP://Cloud.Example/').host, 'cloud.example')
    for (const uri of [
      '',
      'cloud.example',
      '/etc/passwd',
      'file:///etc/passwd',
      'ftp://cloud.example/x',
      'gopher://cloud.example/x',
      'data:text/plain,x',
      'http:cloud.example',
      'http:///x',
      'https://',
      'http://cloud.example\\@other.example/',
      'http://cloud.example/a b',
      'http://cloud.example/\u0000',
      ' http://cloud.example/',
      `http://cloud.example/${'x'.repeat(5000)}`,
    ]) {
      refused(uri)
    }
  })

  it('bears no name and no password', () => {
    refused('http://user@cloud.example/')
    refused('http://user:secret@cloud.example/')
    refused('http://@cloud.example/')
  })

  it('has a host that is written as what it is', () => {
    for (const host of [
      '2130706433',
      '0x7f000001',
      '017700000001',
      '0177.0.0.1',
      '127.1',
      '127.0x0.0.1',
      '127.0.0.1.',
      '１２７.0.0.1',
      '%31%32%37.0.0.1',
      '8.8',
      '134744072',
    ]) {
      refused(`http://${host}/`)
    }
    assert.equal(read('http://8.8.8.8/').host, '8.8.8.8')
    assert.equal(read('http://[2001:4860:4860::8888]/').host, '2001:4860:4860::8888')
  })

  it('passes the lists of schemes, hosts and ports, of which the allowed beat the disallowed', () => {
    refused('http://cloud.example/', { allowedSchemes: ['https'] })
    refused('http://cloud.example/', { allowedSchemes: [], disallowedSchemes: ['http'] })
    read('http://cloud.example/', { disallowedSchemes: ['http'] })
    refused('http://cloud.example/', { allowedHosts: ['other.example'] })
    refused('http://cloud.example/', { disallowedHosts: ['cloud.example'] })
    read('http://cloud.example/', { allowedHosts: ['cloud.example'], disallowedHosts: ['cloud.example'] })
    for (const wish of [{ disallowedHosts: ['cloud.example'] }, { disallowedHosts: ['Cloud.Example.'] }]) {
      for (const host of ['cloud.example', 'CLOUD.example', 'cloud.example.']) refused(`http://${host}/`, wish)
    }
    read('http://cloud.example./', { allowedHosts: ['Cloud.Example'] })
    refused('http://cloud.example:8080/')
    refused('http://cloud.example:22/', { allowedPorts: [], disallowedPorts: [22] })
    read('http://cloud.example:8080/', { allowedPorts: [] })
    read('http://cloud.example:443/')
    read('https://cloud.example/', { allowedPorts: [8080] })
  })

  it('is unknown when its name has no address', async () => {
    await assert.rejects(resolveSource(read('http://nowhere.invalid/'), settings()), SourceUnknown)
  })

  it('is refused when one of its addresses is', async () => {
    await assert.rejects(resolveSource(read('http://localhost/'), settings()), SourceRefused)
    const { addresses } = await resolveSource(
      read('http://localhost/'),
      settings({ allowedNetworks: ['127.0.0.0/8', '::1/128'] }),
    )
    assert.ok(addresses.length > 0)
  })
})

describe('an address that is fetched from', () => {
  const inside = [
    '0.0.0.0',
    '10.0.0.1',
    '100.64.0.1',
    '127.0.0.1',
    '169.254.169.254',
    '172.24.4.1',
    '192.0.0.8',
    '192.168.1.1',
    '198.18.0.1',
    '224.0.0.1',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    'fe80::1',
    'fe80::1%eth0',
    'fc00::1',
    'fd12:3456::1',
    'ff02::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:10.0.0.1',
    '64:ff9b::7f00:1',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b:1::1',
    '2002:7f00:1::1',
    '2001::1',
    '2001:db8::1',
    '::127.0.0.1',
    '::7f00:1',
    '::a00:1',
    '100:0:0:1::1',
    '4000::1',
    'not an address',
    '',
  ]
  for (const address of inside) {
    it(`is not ${address || 'nothing'}`, () => assert.equal(isAllowedAddress(address, settings()), false))
  }

  it('is one of the public internet, wrapped or not', () => {
    for (const address of ['8.8.8.8', '2001:4860:4860::8888', '::ffff:8.8.8.8', '64:ff9b::808:808']) {
      assert.equal(isAllowedAddress(address, settings()), true, address)
    }
  })

  it('is none of this machine’s own', () => {
    for (const { address } of Object.values(networkInterfaces()).flatMap((each) => each ?? [])) {
      assert.equal(isAllowedAddress(address, settings()), false, address)
    }
  })

  it('may be of a network that the operator allows, wrapped or not', () => {
    const allowed = settings({ allowedNetworks: ['10.1.0.0/16', 'fd00:1::/32'] })
    for (const address of ['10.1.2.3', '::ffff:10.1.2.3', 'fd00:1::5']) {
      assert.equal(isAllowedAddress(address, allowed), true, address)
    }
    for (const address of ['10.2.0.1', 'fd00:2::5']) assert.equal(isAllowedAddress(address, allowed), false, address)
  })
})
