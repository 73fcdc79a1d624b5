import assert from 'node:assert/strict'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { identitySettings } from './cloud.ts'
import { baseUrl, loadConfig, SettingError } from './config.ts'
import { DEFAULT_SETTINGS } from './identity/settings.ts'

const stateDir = () => mkdtempSync(join(tmpdir(), 'stratolith-config-'))

describe('settings', () => {
  it('take a flag before the environment, that before the file, that before the default', () => {
    const state = stateDir()
    writeFileSync(join(state, 'stratolith.yaml'), 'region: FromFile\nprivate-cidr: 10.9.0.0/24\n')
    const environment = { STRATOLITH_REGION: 'FromEnvironment', STRATOLITH_STATE: state }
    assert.equal(loadConfig({ region: 'FromFlag' }, environment).region, 'FromFlag')
    assert.equal(loadConfig({}, environment).region, 'FromEnvironment')
    assert.equal(loadConfig({}, { STRATOLITH_STATE: state }).region, 'FromFile')
    assert.equal(loadConfig({}, { STRATOLITH_STATE: state }).privateCidr, '10.9.0.0/24')
    assert.equal(loadConfig({ state: stateDir() }, {}).region, 'RegionOne')
  })

  it('say which value is wrong, where it came from, and what would be right', () => {
    const state = stateDir()
    const refused = (flags: object, environment: NodeJS.ProcessEnv, pattern: RegExp) =>
      assert.throws(
        () => loadConfig({ state, ...flags }, environment),
        (error: Error) => error instanceof SettingError && pattern.test(error.message),
      )
    refused({ state: '' }, {}, /--state: an empty path/)
    refused({ listen: 'nowhere' }, {}, /--listen: nowhere is not HOST:PORT/)
    refused({}, { STRATOLITH_VIRT: 'xen' }, /STRATOLITH_VIRT: xen is none of auto, kvm, tcg/)
    refused({ publicCidr: '300.0.0.0/8' }, {}, /not an IPv4 network/)
    refused({ simulatedHosts: '0' }, {}, /whole number from 1/)
    writeFileSync(join(state, 'stratolith.yaml'), 'reggion: typo\n')
    refused({}, {}, /unknown settings: reggion/)
    refused({ config: join(state, 'absent.yaml') }, {}, /is not there/)
  })

  it('take an emulator from a file, and with it the emulator’s directory unless the file lies there', () => {
    const dir = stateDir()
    writeFileSync(join(dir, 'stratolith.yaml'), 'emulator: true\n')
    assert.equal(loadConfig({ state: dir }, {}).emulator, true)
    assert.equal(loadConfig({ state: dir }, {}).state, dir)
    assert.match(loadConfig({ config: join(dir, 'stratolith.yaml') }, {}).state, /stratolith-emulator$/)
    writeFileSync(join(dir, 'stratolith.yaml'), 'state: /elsewhere\n')
    assert.equal(loadConfig({ config: join(dir, 'stratolith.yaml') }, {}).state, '/elsewhere')
    assert.throws(() => loadConfig({ state: dir }, {}), /must be said elsewhere/)
  })

  it('name further stores of images, and where images may be fetched from', () => {
    const state = stateDir()
    const config = loadConfig(
      {
        state,
        imageStores: 'fast=/mnt/fast, slow=/mnt/slow',
        imageImportPorts: 'all',
        imageImportNetworks: 'fd00::/8',
      },
      {},
    )
    assert.deepEqual(config.imageStores, [
      { id: 'fast', dir: '/mnt/fast' },
      { id: 'slow', dir: '/mnt/slow' },
    ])
    assert.deepEqual([config.imageImportPorts, config.imageImportNetworks], [[], ['fd00::/8']])
    assert.deepEqual(loadConfig({ state }, {}).imageImportPorts, [80, 443])
    for (const flags of [
      { imageStores: 'file=/mnt' },
      { imageStores: 'fast=mnt' },
      { imageImportPorts: '0' },
      { imageImportNetworks: '10.0.0.1' },
      { imageImportSchemes: 'ftp' },
    ]) {
      assert.throws(() => loadConfig({ state, ...flags }, {}), SettingError, JSON.stringify(flags))
    }
  })

  it('leave identity as it is by default, and change it by what is said', () => {
    const state = stateDir()
    const { passwordPattern, ...others } = identitySettings(loadConfig({ state }, {}))
    assert.equal(passwordPattern, undefined)
    assert.deepEqual(others, DEFAULT_SETTINGS)
    const changed = identitySettings(
      loadConfig(
        { state, tokenLifetime: '600', passwordPattern: '.{8,}', rescopeScopedTokens: 'no', lockoutFailures: '5' },
        { STRATOLITH_PASSWORD_CHANGE_UPON_FIRST_USE: 'yes', STRATOLITH_PASSWORD_HASH_MEMORY: '65536' },
      ),
    )
    assert.deepEqual(changed, {
      ...DEFAULT_SETTINGS,
      tokenLifetimeSeconds: 600,
      passwordPattern: /.{8,}/,
      allowRescopeScopedToken: false,
      lockoutFailures: 5,
      passwordChangeUponFirstUse: true,
      argon2: { ...DEFAULT_SETTINGS.argon2, memoryKiB: 65_536 },
    })
    for (const flags of [
      { tokenLifetime: '0' },
      { passwordPattern: '(' },
      { passwordHistory: '25' },
      { trustDepth: '-1' },
    ]) {
      assert.throws(() => loadConfig({ state, ...flags }, {}), SettingError, JSON.stringify(flags))
    }
  })

  it('refuse plain HTTP beyond loopback', () => {
    const state = stateDir()
    assert.throws(() => loadConfig({ state, listen: '0.0.0.0:5000' }, {}), /needs --tls-cert and --tls-key/)
    const config = loadConfig(
      { state, listen: '0.0.0.0:5000', tlsCert: '/c', tlsKey: '/k', publicUrl: 'https://x.example/' },
      {},
    )
    assert.equal(baseUrl(config), 'https://x.example')
    assert.equal(baseUrl(loadConfig({ state, listen: '[::1]:5001' }, {})), 'http://[::1]:5001')
  })
})
