/** What setting up decides before anything is installed: is Node.js new enough, which packages, and what people are told. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import { hostPackages, whatFor } from '../../bin/host-packages.js'
import { tooOld } from '../../bin/node-version.js'
import { doubtsAbout, isDebianOrUbuntu, parseOsRelease, readOsRelease } from '../../bin/os-release.js'
import { openProgress } from '../../bin/progress.js'
import { wantsEmulator } from '../../bin/wants-emulator.js'

const run = promisify(execFile)

const release = (lines: Record<string, string>) =>
  parseOsRelease(
    Object.entries(lines)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  )
const debian = (version: string) =>
  release({
    PRETTY_NAME: `"Debian GNU/Linux ${version}"`,
    NAME: '"Debian GNU/Linux"',
    VERSION_ID: `"${version}"`,
    ID: 'debian',
  })
const ubuntu = (version: string) =>
  release({
    PRETTY_NAME: `"Ubuntu ${version} LTS"`,
    NAME: '"Ubuntu"',
    VERSION_ID: `"${version}"`,
    ID: 'ubuntu',
    ID_LIKE: 'debian',
  })
const mint = release({
  PRETTY_NAME: '"Linux Mint 21"',
  VERSION_ID: '"21"',
  ID: 'linuxmint',
  ID_LIKE: '"ubuntu debian"',
})
const sid = release({ PRETTY_NAME: '"Debian GNU/Linux trixie/sid"', ID: 'debian' })
const fedora = release({ PRETTY_NAME: '"Fedora Linux 42"', VERSION_ID: '42', ID: 'fedora' })

const names = (os: ReturnType<typeof release>) => hostPackages(os).map(([name]) => name)

describe('the packages of a host', () => {
  it('are the same on Debian 12 and Ubuntu 22.04', () => {
    assert.deepEqual(names(debian('12')), names(ubuntu('22.04')))
  })

  it('hold what unpacks kernel modules where these are compressed: zstd since Ubuntu 23.10, xz since Debian 13', () => {
    const unpacker = (os: ReturnType<typeof release>) =>
      names(os).filter((name) => name === 'zstd' || name === 'xz-utils')
    assert.deepEqual(unpacker(ubuntu('22.04')), [])
    assert.deepEqual(unpacker(ubuntu('24.04')), ['zstd'])
    assert.deepEqual(unpacker(debian('12')), [])
    assert.deepEqual(unpacker(debian('13')), ['xz-utils'])
    assert.deepEqual(unpacker(sid), ['xz-utils'])
    assert.deepEqual(unpacker(mint), ['zstd'])
  })

  it('are installed on Debian, Ubuntu and what is like them, and named to others', () => {
    for (const os of [debian('12'), ubuntu('24.04'), mint, sid]) assert.equal(isDebianOrUbuntu(os), true, os.name)
    assert.equal(isDebianOrUbuntu(fedora), false)
    assert.equal(isDebianOrUbuntu(readOsRelease('/nonexistent')), false)
  })

  it('are doubted on older releases and on other systems', () => {
    for (const os of [debian('12'), debian('13'), ubuntu('22.04'), ubuntu('24.04'), mint, sid])
      assert.equal(doubtsAbout(os), undefined, os.name)
    assert.match(doubtsAbout(debian('11')) ?? '', /Debian GNU\/Linux 11 is older .* Debian 12 or newer/)
    assert.match(doubtsAbout(ubuntu('20.04')) ?? '', /Ubuntu 20.04 LTS is older .* Ubuntu 22.04 or newer/)
    assert.match(doubtsAbout(fedora) ?? '', /Fedora Linux 42 is neither/)
  })

  it('are told with what each is for, once a purpose', () => {
    const told = whatFor(hostPackages(debian('12')))
    assert.ok(told.includes('qemu-system-x86: runs the guests'))
    assert.equal(told.filter((line) => line.endsWith(': builds the tiny image')).length, 1)
  })
})

describe('the packages that the tiny image is made of', () => {
  /** What apt-cache says, by package: its dependencies. All others have none. */
  const chosen = async (known: Record<string, string>) => {
    const dir = await mkdtemp(join(tmpdir(), 'stratolith-apt-'))
    try {
      const cases = Object.entries(known).map(([name, depends]) => `${name}) echo 'Version: 1'; echo '${depends}';;`)
      const apt = `#!/bin/sh\nfor name; do :; done\ncase $name in ${cases.join(' ')} *) exit 100;; esac\n`
      await writeFile(join(dir, 'apt-cache'), apt, { mode: 0o755 })
      await writeFile(join(dir, 'apt-get'), '#!/bin/sh\nexit 0\n', { mode: 0o755 })
      const build = join(import.meta.dirname, '../../images/tiny/build')
      const { stdout } = await run(build, ['--packages'], { env: { PATH: `${dir}:${process.env.PATH}` } })
      return stdout.trim().split('\n')
    } finally {
      await rm(dir, { recursive: true })
    }
  }
  const libraries = { libext2fs2: 'Depends: libc6', 'libcom-err2': 'Depends: libc6' }

  it('are the kernel for clouds on Debian 12', async () => {
    const packages = await chosen({
      'linux-image-cloud-amd64': 'Depends: linux-image-6.1.0-37-cloud-amd64 (= 6.1.140-1)',
      ...libraries,
    })
    assert.equal(packages[0], 'linux-image-6.1.0-37-cloud-amd64')
    assert.ok(packages.includes('libext2fs2'))
  })

  it('are the kernel for virtual machines and its modules on Ubuntu 22.04', async () => {
    const packages = await chosen({
      'linux-image-virtual': 'Depends: linux-image-5.15.0-140-generic',
      'linux-image-5.15.0-140-generic':
        'Depends: kmod, linux-base (>= 4.5ubuntu1~16.04.1), linux-modules-5.15.0-140-generic',
      ...libraries,
    })
    assert.deepEqual(packages.slice(0, 2), ['linux-image-5.15.0-140-generic', 'linux-modules-5.15.0-140-generic'])
    assert.ok(packages.includes('libext2fs2'))
  })

  it('have the newer name of a library on Ubuntu 24.04', async () => {
    const packages = await chosen({
      'linux-image-virtual': 'Depends: linux-image-6.8.0-60-generic',
      'linux-image-6.8.0-60-generic': 'Depends: kmod, linux-base, linux-modules-6.8.0-60-generic',
      libext2fs2t64: 'Depends: libc6',
      'libcom-err2': 'Depends: libc6',
    })
    assert.equal(packages[1], 'linux-modules-6.8.0-60-generic')
    assert.ok(packages.includes('libext2fs2t64') && packages.includes('libcom-err2'))
  })

  it('are asked for by name where the distribution has no such kernel', async () => {
    await assert.rejects(chosen(libraries), /apt-get knows no kernel for virtual machines/)
  })
})

describe('the wish for an emulator', () => {
  it('is read as the program reads it: a flag before the environment, that before a file', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'stratolith-set-up-'))
    try {
      const file = join(dir, 'settings.yaml')
      await writeFile(file, 'region: Here\nemulator: yes\n')
      assert.equal(wantsEmulator([], {}), false)
      assert.equal(wantsEmulator(['--emulator', '--state', '/x'], {}), true)
      assert.equal(wantsEmulator(['--emulator', 'no'], { STRATOLITH_EMULATOR: '1' }), false)
      assert.equal(wantsEmulator([], { STRATOLITH_EMULATOR: '1' }), true)
      assert.equal(wantsEmulator(['--config', file], {}), true)
      assert.equal(wantsEmulator(['--emulator=no', `--config=${file}`], {}), false)
    } finally {
      await rm(dir, { recursive: true })
    }
  })
})

describe('the Node.js that sets up', () => {
  it('is refused below 18, with what to do', () => {
    assert.match(tooOld('v12.22.9') ?? '', /Node.js 12.22.9, and 18 or newer is needed/)
    assert.equal(tooOld('v18.0.0'), undefined)
    assert.equal(tooOld('v24.1.0'), undefined)
  })

  it('meets nothing newer than Node.js 12 before it is asked for its version', () => {
    for (const entry of ['up', 'test', 'stratolith', 'run', 'node-version']) {
      const text = readFileSync(join(import.meta.dirname, `../../bin/${entry}.js`), 'utf8')
      const code = text.replaceAll(/^(#!|\/\/|\/\*).*$/gm, '')
      assert.doesNotMatch(code, /\?\.\w|\?\?|\bawait\b|\.at\(|'node:/, entry)
      const loads = [...code.matchAll(/^import '(.*)'$|^import\('(.*)'\)$/gm)].map(([line]) => line)
      if (entry !== 'node-version') assert.deepEqual([loads.length, loads[0]], [2, "import './node-version.js'"], entry)
    }
  })
})

describe('progress', () => {
  const heard = (isTTY: boolean) => {
    const written: string[] = []
    return { stream: { isTTY, columns: 60, write: (text: string) => written.push(text) }, written }
  }

  it('without a terminal is a line now and then while something is waited for, and one when it is done', async () => {
    const { stream, written } = heard(false)
    const progress = openProgress(stream, 20)
    await progress.during('packages', async (tell) => {
      tell('42 % unpacking')
      await new Promise((resolve) => setTimeout(resolve, 70))
    })
    assert.match(written[0] ?? '', /^ {2}… packages, 0 s, 42 % unpacking\n$/)
    assert.match(written.at(-1) ?? '', /^ {2}✔ packages +0\.\d s\n$/)
  })

  it('on a terminal is one line for all that is waited for, drawn anew, within the width', async () => {
    const { stream, written } = heard(true)
    const progress = openProgress(stream)
    const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
    await Promise.all([
      progress.during('one', async (tell) => {
        tell('x'.repeat(100))
        await wait(300)
      }),
      progress.during('two', () => wait(20)),
    ])
    const drawn = written.filter((text) => text.includes('…'))
    assert.ok(drawn.some((text) => text.includes('one') && text.includes('two')))
    assert.ok(drawn.every((text) => text.startsWith('\r\x1b[K') && !text.includes('\n')))
    assert.ok(drawn.every((text) => text.replaceAll(/\x1b\[\d*[a-zA-Z]|\r/g, '').length <= 60))
  })

  it('marks what failed, and hands the error on', async () => {
    const { stream, written } = heard(false)
    await assert.rejects(
      openProgress(stream).during('packages', () => Promise.reject(new Error('no network'))),
      /no network/,
    )
    assert.match(written.at(-1) ?? '', /✘ packages/)
  })
})
